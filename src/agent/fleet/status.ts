import { placeOf, type Problem } from '../../core/problems.ts';
import { listNames } from '../../host/files.ts';
import { belowRoot } from '../../host/root.ts';
import type { Agent } from '../agent.ts';
import { isChange, type FleetGuard, type FleetVerdict } from './decision.ts';
import { fleetDirectories } from '../configuration-directories.ts';
import { upgradeDueSince } from '../unattended/due-upgrade.ts';
import type { Delay } from '../unattended/permission.ts';
import { recallFleet, type NamedProblems, type UpgradeTrouble, type WaitingChanges } from './state.ts';

/** What is to be told of the drop-ins of the fleet. */
export interface FleetStatus {
  /** What is wrong with them, or kept what they want from being done when that was tried last. */
  readonly problems: readonly Problem[];
  /** What they want and was not done yet, in sentences. */
  readonly pending: readonly string[];
  /** What they want and is not to be done, in sentences. */
  readonly left: readonly string[];
  readonly guard?: FleetGuard;
  /** Why the last attempt failed as a whole. */
  readonly failure?: string;
  /** Those of them that are not to be changed yet. */
  readonly waiting?: WaitingChanges;
  /** Why the last upgrade failed as a whole. */
  readonly upgradeFailure?: string;
  /** An upgrade that was asked for and not done yet. */
  readonly upgrade?: WaitingUpgrade;
}

export interface WaitingUpgrade {
  readonly since: Date;
  /** What kept it from being done when that was tried last. */
  readonly delay?: Delay;
}

const nothing: FleetStatus = { problems: [], pending: [], left: [] };

/** Looks at the drop-ins as they are now, and at what the last attempt came to. Nothing is changed. */
export async function fleetStatus(agent: Agent, ownedByFleet: boolean): Promise<FleetStatus> {
  const used = fleetDirectories.some((directory) => listNames(belowRoot(agent.root, directory)).length > 0);
  if (!used && !ownedByFleet) return nothing;
  const { decisionNow } = await import('./reconcile.ts');
  const { configuration, decision } = await decisionNow(agent);
  const { troubles, failure, waiting, upgrade } = recallFleet(agent);
  const open = decision.verdicts.filter(isChange);
  const names = waiting?.names.filter((name) => open.some((verdict) => verdict.name === name)) ?? [];
  const stuck = troubles.filter(({ name }) => open.some((verdict) => verdict.name === name));
  const told = (name: string) => stuck.some((trouble) => trouble.name === name);
  const badPlaces = configuration.problems.map(({ position }) => placeOf(position));
  return {
    problems: [
      ...configuration.problems,
      ...[...stuck, ...notUpgraded(decision.verdicts, upgrade)].flatMap(({ problems }) => problems),
    ],
    pending: open.filter(({ name }) => !told(name)).map(sentence),
    left: decision.verdicts
      .filter(({ action, reason }) => action === 'leave' && !badPlaces.some((place) => reason.startsWith(place)))
      .filter(({ name }) => decision.guard?.names.includes(name) !== true)
      .map(sentence),
    ...(decision.guard === undefined ? {} : { guard: decision.guard }),
    ...(failure === undefined || open.length === 0 ? {} : { failure }),
    ...failureOf(upgrade),
    ...(waiting === undefined || names.length === 0 ? {} : { waiting: { ...waiting, names } }),
    ...upgradeOf(agent, waiting),
  };
}

/** What kept the last upgrade from extensions that are, apart from that, as the drop-ins want them. */
function notUpgraded(verdicts: readonly FleetVerdict[], upgrade: UpgradeTrouble | undefined): readonly NamedProblems[] {
  const kept = verdicts.filter(({ action }) => action === 'keep').map(({ name }) => name);
  return upgrade?.troubles.filter(({ name }) => kept.includes(name)) ?? [];
}

function failureOf(upgrade: UpgradeTrouble | undefined): Pick<FleetStatus, 'upgradeFailure'> {
  return upgrade?.failure === undefined ? {} : { upgradeFailure: upgrade.failure };
}

function upgradeOf(agent: Agent, delay: Delay | undefined): Pick<FleetStatus, 'upgrade'> {
  const since = upgradeDueSince(agent);
  return since === undefined ? {} : { upgrade: { since, ...(delay === undefined ? {} : { delay }) } };
}

const verbs = { install: 'is to be installed', replace: 'is to be replaced', remove: 'is to be removed' } as const;

function sentence({ name, action, reason }: FleetVerdict): string {
  return action === 'keep' || action === 'leave'
    ? `${name} stays as it is: ${reason}`
    : `${name} ${verbs[action]}: ${reason}`;
}
