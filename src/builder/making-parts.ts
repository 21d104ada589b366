import { join } from 'node:path';

import { removeTree } from '../host/files.ts';
import { makeOwnedDirectory } from '../host/owned-directory.ts';
import { timeOf } from './artifacts/own-package.ts';
import { beginLog, type BuildLog } from './making/build-log.ts';
import { timeInside, type MakingParts } from './making/making.ts';
import type { Order } from './order.ts';
import { packageSourceFor } from './packages/source.ts';
import type { BuildHost, BuildRequest } from './request.ts';
import type { BuildRoots } from './root/build-root.ts';
import { createBuildRoots } from './root/roots.ts';
import { createSandbox } from './sandbox/bubblewrap.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { sandboxedGit } from './source/git-room.ts';
import { prepareSources } from './source/prepare.ts';
import { withSpecRepositories } from './targets/spec-repositories.ts';

/**
 * All that the spec's own part is made with.
 * @param open gets what is to be disposed of when nothing of the build runs any more.
 */
export async function makingParts(
  host: BuildHost,
  request: BuildRequest,
  order: Order,
  open: AsyncDisposableStack,
): Promise<MakingParts> {
  const { exec, clock, progress, cacheDirectory, making } = host;
  const { signal, anew = false } = request;
  const directory = join(cacheDirectory, 'making');
  const sandbox = createSandbox({ exec, clock, directory: join(cacheDirectory, 'sandbox') });
  return {
    sandbox,
    roots: rootsFor(host, request, order, sandbox),
    sources: () => {
      const work = makeOwnedDirectory(directory);
      open.defer(async () => {
        await sandbox.removeLayer(work);
        removeTree(work);
      });
      return prepareSources(order.spec, {
        ...host,
        git: sandboxedGit(sandbox),
        images: making.images,
        work,
        adopt: (layer) => sandbox.adoptLayer(layer),
        contexts: request.contexts,
        secrets: request.secrets ?? new Map(),
        knownHosts: making.knownHosts,
        buildArguments: request.buildArguments,
        proxies: making.proxies,
        sourceDateEpoch: timeInside(timeOf(order.spec, order.settings.sourceDateEpoch)),
        offline: request.offline === true,
        ...(signal === undefined ? {} : { signal }),
      });
    },
    directory,
    limits: await making.limits(),
    proxy: making.proxies,
    clock,
    progress,
    log: onceOpened(() => open.use(beginLog(making.logDirectory, order.spec.name, clock))),
    show: making.show,
    anew,
    signal,
  };
}

/** The roots of the target, with what the spec adds for building. */
function rootsFor(host: BuildHost, request: BuildRequest, order: Order, sandbox: Sandbox): BuildRoots {
  const { contexts, offline = false } = request;
  const { cacheDirectory, making } = host;
  const target = withSpecRepositories(order.target, order.spec, 'build', { contexts, cacheDirectory });
  return createBuildRoots({
    host,
    target,
    source: packageSourceFor(target, host, request),
    sandbox,
    offline,
    environment: making.proxies,
  });
}

/** A log is begun where there is something to log. */
function onceOpened(begin: () => BuildLog): () => BuildLog {
  let log: BuildLog | undefined;
  return () => (log ??= begin());
}
