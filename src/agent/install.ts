import { dirname } from 'node:path';

import { removeTree } from '../host/files.ts';
import type { Agent } from './agent.ts';
import { allowedRecord } from './allowed.ts';
import { arrivalsOf, imagesOf, recordOf, staging, toldOf, type Coming } from './arrivals.ts';
import type { ImageRequest } from './candidate.ts';
import { changeSet, type ChangeOptions, type ChangeReport } from './change.ts';
import { refuseOfFleet } from './fleet/owner.ts';
import type { ExtensionChange, InstalledExtension } from './history.ts';

/**
 * Installs images as extensions and merges them: all of them or, where anything fails or the host is not well with them,
 * none.
 * @param options.retry whether to try again what the host was not well with.
 * @throws AgentError `incompatible`, `content-refused`, `conflict`, `held`, `rolled-back`, `merge-failed`, `busy`, and those of reading
 * an image.
 */
export async function install(
  agent: Agent,
  requests: readonly ImageRequest[],
  options: ChangeOptions & { readonly retry?: boolean } = {},
): Promise<ChangeReport> {
  const coming = await arrivalsOf(agent, requests);
  const named = coming.map(({ candidate: { name } }) => name);
  const now = agent.clock.now();
  const report = await changeSet(
    agent,
    {
      verb: 'install',
      desired: (installed) => {
        refuseOfFleet('install', installed, named);
        const extensions = byName(installed);
        for (const one of coming) extensions.set(one.candidate.name, recordOf(one, now));
        return {
          extensions: [...extensions.values()],
          named,
          ...imagesOf(coming),
          confirm: true,
          retry: options.retry === true,
          merge: { verb: 'refresh', options: {} },
        };
      },
      stage: staging(agent, coming),
      changes: (installed) => {
        const before = byName(installed);
        return coming.map((one) => changeOf(one, before.get(one.candidate.name)));
      },
    },
    options,
  );
  if (options.dryRun === true) discardFetched(agent, requests);
  return { ...report, warnings: [...coming.flatMap(toldOf), ...report.warnings] };
}

/** Nobody takes them now: they would lie there until they are old. */
function discardFetched({ paths }: Agent, requests: readonly ImageRequest[]): void {
  for (const { path } of requests) if (dirname(path) === paths.incoming) removeTree(path);
}

function byName(installed: readonly InstalledExtension[]): Map<string, InstalledExtension> {
  return new Map(installed.map((extension) => [extension.name, extension]));
}

function changeOf({ candidate, judgement, image }: Coming, previous: InstalledExtension | undefined): ExtensionChange {
  const { name, version, request } = candidate;
  const change = previous === undefined ? 'added' : previous.sha256 === image.sha256 ? 'kept' : 'replaced';
  return {
    name,
    version,
    sha256: image.sha256,
    source: request.source,
    change,
    allowed: judgement.allowed.map(allowedRecord),
  };
}
