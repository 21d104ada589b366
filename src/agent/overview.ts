import type { Absence } from '../core/absence.ts';
import type { ClassName } from '../core/extension-class.ts';
import { fileStatus } from '../host/files.ts';
import { lockHolder } from '../host/lock.ts';
import type { DriverChoice } from '../systemd/drivers/choice.ts';
import { mergedNames } from '../systemd/merged.ts';
import type { HierarchyStatus } from '../systemd/sysext-output.ts';
import { isBlocker, reasonOf, type JudgedImage } from '../systemd/verdicts.ts';
import { livingAbsence } from './absences.ts';
import { isActive, recordedImage } from './stored-image.ts';
import type { Agent } from './agent.ts';
import type { AllowedRecord } from './allowed.ts';
import { confextsOverview, type ConfextsOverview } from './confexts.ts';
import { recordAsDesired } from './converge.ts';
import { driftOf, type Drift } from './drift.ts';
import { openHistory, type History, type OperationRecord } from './history.ts';
import { installedIn } from './installed.ts';
import { commandAgainst } from './masks.ts';
import type { MergedImage } from './merged-images.ts';
import { observe } from './observation.ts';
import { ownerOf, type Owner } from './owner.ts';
import { defaultPolicy, plan, type Observed, type Recorded } from './plan.ts';
import type { BadImage, InstalledExtension } from './records.ts';
import { misfitOf } from './plan-verdicts.ts';
import { rolledBackImages, rolledBackText } from './rolled-back.ts';

/** One extension as `list` and `status` show it. */
export interface ExtensionOverview {
  readonly name: string;
  /** System extensions where left out. */
  readonly class?: ClassName;
  /** Empty where nothing says it. */
  readonly version: string;
  /** Size of the image in bytes; undefined for what is no single file. */
  readonly size: number | undefined;
  readonly merged: boolean;
  /** Why it is not merged; undefined where it is. */
  readonly whyNot: string | undefined;
  /** Path of the image that systemd finds, below the root; undefined where it finds none. */
  readonly path: string | undefined;
  /** Whether this agent installed it. */
  readonly ours: boolean;
  /** Whether it keeps its image until it is no longer held. */
  readonly held: boolean;
  /** Whose it is; undefined where this agent did not install it. */
  readonly owner: Owner | undefined;
  /** What was found in it and allowed. */
  readonly allowed: readonly AllowedRecord[];
  /** Images of that name that the host was not well with, and that are refused since. */
  readonly rolledBack: readonly BadImage[];
}

export interface Overview {
  readonly hierarchies: readonly HierarchyStatus[];
  readonly extensions: readonly ExtensionOverview[];
  readonly confexts: ConfextsOverview;
  /** What systemd finds, with what it would do. */
  readonly images: readonly JudgedImage[];
  /** Which image each merged extension was made of, as far as that is known. */
  readonly merged: readonly MergedImage[];
  /** How the host differs from what is recorded; while an operation is under way, as far as that is not its work. */
  readonly drift: readonly Drift[];
  /** The operation that was under way meanwhile, by the words of its holder. */
  readonly underWay: string | undefined;
  /** Extensions that were taken away for a package manager; its holders are those that are still at work. */
  readonly absence: Absence | undefined;
  /** How what is merged would be changed. */
  readonly choice: DriverChoice;
}

/** What is merged, and of everything that systemd finds, that we installed or that is merged, why it is or is not. */
export async function overview(agent: Agent): Promise<Overview> {
  using history = openHistory(agent.paths.history, { writable: false });
  const before = worker(agent, history);
  const installed = await installedIn(agent, history);
  const observed = await observe(agent, { names: installed.map(({ name }) => name) });
  const { hierarchies, images } = observed;
  const held = history.holds().map(({ name }) => name);
  const recorded = { extensions: installed, held, bad: history.badImages() };
  const known: Known = { observed, bad: recorded.bad };
  const merged = mergedNames(hierarchies);
  const denied = known.bad.filter(({ kind }) => kind === 'unhealthy');
  const names = new Set(
    [...images.map(({ image }) => image), ...installed, ...denied].map(({ name }) => name).concat(merged),
  );
  const extensions = [...names].sort().map((name): ExtensionOverview => {
    const found = images.find(({ image }) => image.name === name);
    const record = ourRecord(agent, installed, name, found);
    const isMerged = merged.includes(name);
    return {
      name,
      version: record?.version ?? '',
      size: found?.image.kind === 'raw' ? fileStatus(found.image.realPath)?.size : record?.size,
      merged: isMerged,
      whyNot: isMerged ? undefined : whyNot(known, name, found, record),
      path: found?.image.path,
      ...recordedParts(record, held),
      rolledBack: rolledBackImages(denied, name),
    };
  });
  const absence = merged.length === 0 ? livingAbsence(agent) : undefined;
  const underWay = workerSince(agent, before);
  const all = driftFrom(agent, observed, recorded);
  const drift = underWay === undefined ? all : all.filter(({ kind }) => kind === 'foreign');
  const choice = await agent.driver.choice();
  const confexts = await confextsOverview(agent);
  const made = observed.merge?.images ?? [];
  return { hierarchies, extensions, confexts, images, merged: made, drift, absence, underWay, choice };
}

/** Who is at work, and the last operation that was begun. */
interface Worker {
  readonly holder: string | undefined;
  readonly latest: OperationRecord | undefined;
}

function worker({ paths }: Agent, history: History): Worker {
  return { holder: lockHolder(paths.lock), latest: history.operations(1)[0] };
}

/** Who was at work at some time since, also where that had not begun then and has ended by now. */
function workerSince(agent: Agent, before: Worker): string | undefined {
  using history = openHistory(agent.paths.history, { writable: false });
  const { holder, latest } = worker(agent, history);
  return before.holder ?? holder ?? (latest?.id === before.latest?.id ? undefined : latest?.actor.command);
}

function recordedParts(
  record: InstalledExtension | undefined,
  held: readonly string[],
): Pick<ExtensionOverview, 'ours' | 'held' | 'owner' | 'allowed'> {
  if (record === undefined) return { ours: false, held: false, owner: undefined, allowed: [] };
  return { ours: true, held: held.includes(record.name), owner: ownerOf(record), allowed: record.allowed };
}

function driftFrom(agent: Agent, observed: Observed, recorded: Recorded): Drift[] {
  const desired = recordAsDesired(recorded.extensions);
  const { verdicts } = plan({ desired, observed, recorded, policy: defaultPolicy, now: agent.clock.now() });
  return driftOf({ observed, recorded, verdicts });
}

interface Known {
  readonly observed: Observed;
  readonly bad: readonly BadImage[];
}

/** The record of an extension, as long as what systemd finds under its name is the image of the record. */
function ourRecord(
  agent: Agent,
  installed: readonly InstalledExtension[],
  name: string,
  found: JudgedImage | undefined,
): InstalledExtension | undefined {
  const record = installed.find((extension) => extension.name === name);
  if (record === undefined || found === undefined) return record;
  return isActive(found.image.realPath, recordedImage(agent.paths.store, record)) ? record : undefined;
}

function whyNot(
  { observed, bad }: Known,
  name: string,
  found: JudgedImage | undefined,
  record: InstalledExtension | undefined,
): string {
  if (found === undefined) {
    const [last] = rolledBackImages(bad, name).slice(-1);
    if (record === undefined && last !== undefined) return rolledBackText(last);
    const known = bad.find(({ sha256 }) => sha256 === record?.sha256);
    const misfit = misfitOf({ observed }, { wanted: record });
    if (known === undefined && record !== undefined && misfit !== undefined && observed.stored.has(record.sha256)) {
      return `it was left out: ${misfit}`;
    }
    return known === undefined ? 'its image is gone from the search directories' : `it was taken out: ${known.reason}`;
  }
  const reason = reasonOf(found.verdict);
  if (reason !== undefined) return isBlocker(found) ? blocking(observed, found, reason) : reason;
  const blocker = observed.images.find((image) => isBlocker(image) && !isMasked(observed, image));
  return blocker === undefined
    ? 'it fits and would be merged: run `sysext-agent refresh`'
    : `${blocker.image.path} stops every merge`;
}

/** Ours is taken out by the next merge; of what is not ours, the one command that takes it out. */
function blocking(observed: Observed, found: JudgedImage, reason: string): string {
  const { path } = found.image;
  if (observed.ours.some((entry) => entry.path === path)) return `${reason}; \`sysext-agent refresh\` takes it out`;
  const masked = isMasked(observed, found) ? ' (masked)' : '';
  return `${reason}${masked}; to take it out: ${commandAgainst(found.image)}`;
}

function isMasked({ masks }: Observed, { image }: JudgedImage): boolean {
  return image.kind !== 'obstructed' && masks.some(({ name }) => name === image.name);
}
