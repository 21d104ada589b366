import { join } from 'node:path';

import { fileStatus, makeDirectory, removeIfEmpty } from '../host/files.ts';
import { makeOwnedDirectory } from '../host/owned.ts';
import { timeOf } from './artifacts/own-package.ts';
import { beginLog, type BuildLog } from './making/build-log.ts';
import { timeInside, type MakingParts } from './making/making.ts';
import type { PreparedSources } from './making/making-step.ts';
import type { Order } from './order.ts';
import { packageSourceFor } from './packages/source.ts';
import type { BuildHost, BuildRequest } from './request.ts';
import type { BuildRoots } from './root/build-root.ts';
import { createBuildRoots } from './root/roots.ts';
import { createSandbox } from './sandbox/bubblewrap.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { sandboxedGit } from './source/git-room.ts';
import { prepareSources } from './source/prepare.ts';
import type { RepositoryUse, Spec } from './spec/spec.ts';
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
  const { clock, progress, cacheDirectory, making } = host;
  const { signal, anew = false } = request;
  const directory = join(cacheDirectory, 'making');
  const sandbox = sandboxFor(host);
  return {
    sandbox,
    roots: rootsFor(host, request, order, sandbox, 'build'),
    sources: () => sourcesFor(host, request, { order, sandbox }, open)(order.spec),
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

/** What isolates the programs that are run for a build. */
export function sandboxFor({ exec, clock, cacheDirectory }: BuildHost): Sandbox {
  return createSandbox({ exec, clock, directory: join(cacheDirectory, 'sandbox') });
}

/** Brings the sources of a spec here, with the means of this build. */
export function sourcesFor(
  host: BuildHost,
  request: BuildRequest,
  { order, sandbox }: { readonly order: Order; readonly sandbox: Sandbox },
  open: AsyncDisposableStack,
): (spec: Spec) => Promise<PreparedSources> {
  const { cacheDirectory, making } = host;
  const { signal } = request;
  return async (spec) => {
    const work = workDirectory(join(cacheDirectory, 'making'), sandbox, open);
    return prepareSources(spec, {
      ...host,
      git: sandboxedGit(sandbox),
      images: making.images,
      work,
      adopt: (layer) => sandbox.adoptLayer(layer),
      remove: (layer) => sandbox.removeLayer(layer),
      contexts: request.contexts,
      secrets: request.secrets ?? new Map(),
      knownHosts: making.knownHosts,
      buildArguments: request.buildArguments,
      proxies: making.proxies,
      sourceDateEpoch: timeInside(timeOf(order.spec, order.settings.sourceDateEpoch)),
      offline: request.offline === true,
      ...(signal === undefined ? {} : { signal }),
    });
  };
}

/** What programs leave may be setuid to the users of sandboxes: nobody else is to reach it. */
function workDirectory(parent: string, sandbox: Sandbox, open: AsyncDisposableStack): string {
  makeDirectory(parent, 0o700);
  const work = makeOwnedDirectory(parent);
  open.defer(async () => {
    removeIfEmpty(work);
    if (fileStatus(work) !== undefined) await sandbox.removeLayer(work);
  });
  return work;
}

/** The roots of the target, with what the spec adds for this use of them. */
export function rootsFor(
  host: BuildHost,
  request: BuildRequest,
  order: Order,
  sandbox: Sandbox,
  use: RepositoryUse,
): BuildRoots {
  const { contexts, offline = false } = request;
  const { cacheDirectory, making } = host;
  const target = withSpecRepositories(order.target, order.spec, use, { contexts, cacheDirectory });
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
