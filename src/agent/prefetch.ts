import type { HostRelease } from '../core/compatibility.ts';
import type { Agent } from './agent.ts';
import { digestOfSource, judgeStored, recordOf, type Coming } from './arrivals.ts';
import { factsOf } from './boot.ts';
import { chooseAtBoot, systemOf, type BootChoice } from './boot-choice.ts';
import { admit, readCandidate, type ImageRequest } from './candidate.ts';
import { groundsElsewhere, judgeContents } from './contents.ts';
import { digestIn } from './entries.ts';
import { openHistory } from './history.ts';
import { operate, type OperationScope } from './operation.ts';
import { ownerOf } from './owner.ts';
import type { InstalledExtension } from './records.ts';
import { refuseUnknown } from './remove.ts';
import { addToStore } from './store.ts';
import { storedImages } from './stored-image.ts';

/**
 * What a boot of another system would choose. Nothing is written.
 * @param system such as describedSystem() gives.
 */
export function choiceFor(agent: Agent, system: HostRelease): BootChoice {
  using history = openHistory(agent.paths.history, { writable: false });
  const stored = new Set(storedImages(agent.paths.store).map(({ path }) => digestIn(path)));
  return chooseAtBoot({ ...factsOf(agent, history, { host: system, stored }), attempts: 0 });
}

/**
 * Puts images into the store that take their places at the first boot of another system, each that of an extension which
 * is installed. What is in place now stays.
 * @throws AgentError `incompatible` where one does not fit that system, `content-refused`, `no-such-extension`, `usage`,
 * `busy`, and those of reading an image.
 */
export async function prefetch(
  agent: Agent,
  system: HostRelease,
  requests: readonly ImageRequest[],
): Promise<readonly InstalledExtension[]> {
  const coming = await Promise.all(requests.map((request) => comingTo(agent, system, request)));
  return operate(agent, 'prefetch', async (scope) => {
    refuseUnknown(
      scope.installed,
      coming.map(({ candidate }) => candidate.name),
    );
    scope.intend(
      coming.map(({ candidate }) => ({
        description: `copy ${candidate.name} from ${candidate.request.path} into the store`,
        reason: `it is for ${systemOf(system)}`,
      })),
    );
    const value: InstalledExtension[] = [];
    for (const one of coming) value.push(await stored(agent, scope, system, one));
    return { value, extensions: [] };
  });
}

async function comingTo(agent: Agent, system: HostRelease, request: ImageRequest): Promise<Coming> {
  const candidate = await readCandidate(request, system.systemd, agent.exec);
  const grounds = await groundsElsewhere(agent);
  const judgement = await judgeContents(candidate, grounds);
  admit(candidate, system, judgement);
  return { candidate, judgement, grounds, image: digestOfSource(candidate) };
}

/** It is as healthy as what it replaces, and belongs to the same. */
async function stored(
  agent: Agent,
  { history, installed }: OperationScope,
  system: HostRelease,
  coming: Coming,
): Promise<InstalledExtension> {
  const { name, request } = coming.candidate;
  const image = await addToStore(agent.paths.store, request, agent.exec);
  await judgeStored(agent, coming, image, system);
  const before = installed.find((extension) => extension.name === name);
  const record = recordOf({ ...coming, image }, agent.clock.now());
  const health = record.health ?? before?.health;
  const extension = { ...record, owner: ownerOf(before ?? {}), ...(health === undefined ? {} : { health }) };
  history.addPrefetched({ os: systemOf(system), extension });
  return extension;
}
