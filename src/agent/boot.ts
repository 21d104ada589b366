import { messages } from '../core/messages.ts';
import { fileStatus, listNames } from '../host/files.ts';
import { isPastMerge } from '../systemd/booting.ts';
import type { Agent } from './agent.ts';
import { ancestors, setsToSearch } from './ancestors.ts';
import { apply, isSameSet } from './apply.ts';
import { counted, readAttempts, writeAttempts } from './boot-attempts.ts';
import { chooseSound, type BootChoice, type BootFacts } from './boot-choice.ts';
import { changesBetween } from './change.ts';
import { openHistory, type History } from './history.ts';
import { observe } from './observation.ts';
import { alone, recorded } from './operation.ts';
import { defaultPolicy, plan, type Observed, type Plan } from './plan.ts';
import type { InstalledExtension } from './records.ts';
import { digestOf } from './store.ts';
import { storePath } from './stored-image.ts';
import { keptGenerations } from './sweep.ts';
import { titles } from './tidings.ts';

/** What was done before systemd merged. */
export interface BootReport {
  /** What was chosen; undefined where nothing was looked at. */
  readonly choice: BootChoice | undefined;
  /** Set where nothing was done since this host has booted already. */
  readonly tooLate: boolean;
  readonly warnings: readonly string[];
}

/**
 * Puts the set of extensions in place that this boot is to have, before systemd merges what is there. What a killed
 * operation left is put back first. Nothing is merged, and nothing done where the host has booted already.
 * @throws AgentError where that cannot be done; what was in place before is then in place.
 */
export async function boot(agent: Agent): Promise<BootReport> {
  const nothing = { choice: undefined, warnings: [] };
  if (agent.root === '/' && (await isPastMerge(agent.exec))) return { ...nothing, tooLate: true };
  if (isUnused(agent)) return { ...nothing, tooLate: false };
  countBoot(agent);
  return alone(agent, (history) => prepare(agent, history), { atBoot: true });
}

function isUnused({ paths }: Agent): boolean {
  return fileStatus(paths.history) === undefined && listNames(paths.store).length === 0;
}

/** Before anything else: a boot that hangs counts as well. */
function countBoot(agent: Agent): void {
  using history = openHistory(agent.paths.history, { writable: false });
  noteBoot(agent, history);
}

/** Below another root nothing boots. */
function noteBoot(agent: Agent, history: History): void {
  if (agent.bootId === undefined) return;
  writeAttempts(agent, counted(readAttempts(agent), agent.bootId, history.generations(1)[0]?.number));
}

async function prepare(agent: Agent, history: History): Promise<BootReport> {
  const installed = history.installed();
  const observed = await observe(agent, { names: installed.map(({ name }) => name) });
  const damaged: InstalledExtension[] = [];
  const choice = chooseSound(factsOf(agent, history, observed), (image) => {
    const sound = isSound(agent, image);
    if (!sound) damaged.push(image);
    return sound;
  });
  const made = planOf(agent, history, observed, choice);
  const isSame = isSameSet(made.extensions ?? [], installed);
  const warnings = made.steps.length === 0 && isSame ? [] : await carriedOut(agent, history, choice, made);
  if (choice.spent.length > 0) history.removePrefetched(choice.spent);
  noteBoot(agent, history);
  tellChoice(agent, choice);
  const passedOver = titles(damaged).map((image) => `the image of ${image} in the store is damaged: it is passed over`);
  return { choice, tooLate: false, warnings: [...passedOver, ...made.warnings, ...warnings] };
}

/** Whether an image of the store is still what its name says. */
function isSound({ paths }: Agent, { kind, sha256 }: InstalledExtension): boolean {
  return digestOf(storePath(paths.store, kind, sha256)).sha256 === sha256;
}

/** Everything that the choice of a boot depends on. @param history as it is; nothing is written. */
export function factsOf(agent: Agent, history: History, observed: Pick<Observed, 'host' | 'stored'>): BootFacts {
  const { host, stored } = observed;
  const [active] = history.generations(1);
  const attempts = readAttempts(agent);
  return {
    host,
    stored,
    active,
    attempts: attempts !== undefined && attempts.generation === active?.number ? attempts.attempts : 0,
    confirmed: history.confirmedGenerations(setsToSearch),
    parents: ancestors(history, active).filter(({ state }) => state === 'superseded'),
    lastConfirmedBoot: history.lastConfirmedBoot(),
    kept: keptGenerations(agent, history),
    prefetched: history.prefetched(),
    bad: history.badImages(),
    held: history.holds().map(({ name }) => name),
  };
}

/** Going back is more urgent than what is held. */
function planOf(agent: Agent, history: History, observed: Observed, { extensions, givenUp }: BootChoice): Plan {
  const held = givenUp === undefined ? history.holds().map(({ name }) => name) : [];
  return plan({
    desired: { extensions },
    observed,
    recorded: { extensions: history.installed(), held, bad: history.badImages() },
    policy: defaultPolicy,
    now: agent.clock.now(),
  });
}

/** One operation: the images are refused, those of the choice are in place, and the generation is given up, or none of that. */
async function carriedOut(agent: Agent, history: History, choice: BootChoice, made: Plan): Promise<readonly string[]> {
  const reason = reasonOf(choice);
  const reasoned = reason === undefined ? agent : { ...agent, reason };
  return recorded(reasoned, history, 'boot', async (scope) => {
    const { warnings } = await apply(agent, scope, made);
    const { givenUp } = choice;
    const since = agent.clock.now();
    for (const { name, version, sha256 } of givenUp?.refused ?? []) {
      history.addBadImage({ name, version, sha256, kind: 'unhealthy', reason: givenUp?.reason ?? '', since });
    }
    const extensions = changesBetween(scope.installed, made.extensions ?? scope.installed);
    return { value: warnings, extensions, givesUp: givenUp !== undefined };
  });
}

function tellChoice({ log }: Agent, { givenUp, leftOut }: BootChoice): void {
  if (givenUp !== undefined) {
    const { number, to, reason, refused } = givenUp;
    log?.tell(messages.givenUp, { generation: number, to, reason, refused: titles(refused) });
  }
  if (leftOut.length > 0) {
    const extensions = leftOut.map(({ name, version, reason }) => `${`${name} ${version}`.trim()}: ${reason}`);
    log?.tell(messages.leftOut, { extensions });
  }
}

function reasonOf({ givenUp, replaced, leftOut }: BootChoice): string | undefined {
  const reasons = [
    ...(givenUp === undefined ? [] : [givenUp.reason]),
    ...replaced.map(
      ({ before, after }) => `${after.name} ${after.version} fits this system better than ${before.version}`,
    ),
    ...leftOut.map(({ name, reason }) => `${name} is left out: ${reason}`),
  ];
  return reasons.length === 0 ? undefined : reasons.join('; ');
}
