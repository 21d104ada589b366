import { hasDigest, parseReferenceText } from '../../core/image-reference.ts';
import { parseVersionRange } from '../../core/version-range.ts';
import type { Agent } from '../agent.ts';
import type { ChangeOptions } from '../change.ts';
import { openHistory } from '../history.ts';
import { installedIn } from '../installed.ts';
import { ownerOf, ownerText } from '../owner.ts';
import type { PublishedRecord } from '../published-record.ts';
import type { InstalledExtension } from '../records.ts';
import { refuseUnknown } from '../remove.ts';
import { readFleet, type Wish } from './configuration.ts';
import { fleetDecision, type FleetInput, type FleetVerdict } from './decision.ts';
import { owned } from './desired.ts';
import type { OwnedExtension } from './owner.ts';
import type { ImageSource } from './images.ts';
import { carryOut, failureOf, type FleetReport, type ReconcileOptions } from './reconcile.ts';
import { rememberUpgrade, type UpgradeTrouble } from './state.ts';

/** What came of looking for newer versions. */
export interface UpgradeReport extends FleetReport {
  /** What stays as it is although it was asked for, and why, in sentences. */
  readonly left: readonly string[];
}

export interface UpgradeSelection {
  /** The names that were asked for; left out, everything that is installed. */
  readonly names?: readonly string[];
  /** The names that are held. */
  readonly held: readonly string[];
}

/**
 * Makes or fetches the images anew of what the drop-ins of the fleet have installed and of what a person fetched, and
 * installs those that are other ones now, in one operation. What is held, and what else a person installed, stays as it is.
 * @param imageFor asks for new indexes.
 * @throws AgentError `no-such-extension`, and as reconcileFleet() does.
 */
export async function upgradeFleet(
  agent: Agent,
  imageFor: ImageSource,
  names: readonly string[],
  options: ReconcileOptions & ChangeOptions = {},
): Promise<UpgradeReport> {
  const { selection, left } = await upgradesNow(agent, names);
  try {
    const report = await carryOut(agent, imageFor, (input) => upgradeDecision(input, selection), options);
    remember(agent, options, { troubles: report.troubles });
    return { ...report, left };
  } catch (error) {
    const failure = failureOf(error);
    if (failure !== undefined) remember(agent, options, { troubles: [], failure });
    throw error;
  }
}

/** What an upgrade is about. */
export interface UpgradesNow {
  readonly installed: readonly InstalledExtension[];
  readonly selection: UpgradeSelection;
  /** What is made or fetched anew. */
  readonly verdicts: readonly Renewal[];
  /** What stays as it is although it was asked for, and why, in sentences. */
  readonly left: readonly string[];
}

/**
 * What an upgrade is about now.
 * @param names those that were asked for; all where there are none.
 * @throws AgentError `no-such-extension`
 */
export async function upgradesNow(agent: Agent, names: readonly string[]): Promise<UpgradesNow> {
  const { installed, held } = await recorded(agent);
  refuseUnknown(installed, names);
  const selection = { held, ...(names.length === 0 ? {} : { names }) };
  const input = { configuration: readFleet(agent.root), installed: owned(installed) };
  const verdicts = upgradeDecision(input, selection).verdicts;
  return { installed, selection, verdicts, left: leftOut(input, installed, selection) };
}

/** For `status`: whoever asked for an upgrade that nobody watches learns of it there. */
function remember(agent: Agent, { dryRun = false }: ChangeOptions, trouble: UpgradeTrouble): void {
  if (!dryRun) rememberUpgrade(agent, trouble);
}

async function recorded(
  agent: Agent,
): Promise<{ readonly installed: readonly InstalledExtension[]; readonly held: readonly string[] }> {
  using history = openHistory(agent.paths.history, { writable: false });
  return { installed: await installedIn(agent, history), held: history.holds().map(({ name }) => name) };
}

/** An extension whose image is to be made or fetched anew. */
export type Renewal = FleetVerdict & { readonly action: 'install' | 'replace' };

/** What is to be made anew: what is as the drop-ins want it as well as what is not yet. Nothing else is decided. */
export function upgradeDecision(input: FleetInput, selection: UpgradeSelection): { readonly verdicts: Renewal[] } {
  const { verdicts } = fleetDecision(input);
  const ofFleet = verdicts.flatMap((verdict): Renewal[] => {
    if (selection.held.includes(verdict.name)) return [];
    if (verdict.action === 'replace') return [verdict];
    if (verdict.action !== 'keep') return [];
    const { name, wish, owner } = verdict;
    if (wish === undefined || owner === undefined || wish.hold) return [];
    return [{ name, action: 'replace', wish, owner, reason: newer }];
  });
  const byHand = input.installed
    .filter(({ name, owner }) => owner.kind === 'person' && !selection.held.includes(name))
    .flatMap(publishedUpgrade);
  return { verdicts: [...ofFleet, ...byHand].filter(({ name }) => isSelected(name, selection)) };
}

const newer = 'there may be a newer version';

/** Of what a person installed it is known where it is published, if it is. */
function publishedUpgrade({ name, owner, published, allowed = [] }: OwnedExtension): Renewal[] {
  const wish = published === undefined ? undefined : wishedAgain(published);
  if (wish === undefined) return [];
  const allow = allowed.map(({ rule, by }) => ({ rule, by }));
  return [{ name, action: 'replace', wish: { ...wish, allow }, owner, reason: newer }];
}

/** What was asked for, to ask for it again; undefined where it names one image, or cannot be read. */
function wishedAgain({ from, versions }: PublishedRecord): Wish | undefined {
  const reference = parseReferenceText(from);
  const range = versions === undefined ? undefined : parseVersionRange(versions);
  if (!('value' in reference) || (range !== undefined && !('value' in range))) return undefined;
  if (hasDigest(reference.value)) return undefined;
  const source = { kind: 'reference', reference: reference.value } as const;
  const version = range === undefined ? {} : { version: range.value };
  return { source, ...version, args: {}, allow: [], health: [], hold: false };
}

function isSelected(name: string, { names }: UpgradeSelection): boolean {
  return names === undefined || names.includes(name);
}

/** Why what is installed and was asked for is not made anew, in sentences. */
export function leftOut(
  input: FleetInput,
  installed: readonly InstalledExtension[],
  selection: UpgradeSelection,
): string[] {
  const upgraded = new Set(upgradeDecision(input, selection).verdicts.map(({ name }) => name));
  const { verdicts } = fleetDecision(input);
  return installed
    .filter(({ name }) => isSelected(name, selection) && !upgraded.has(name))
    .map((extension) => {
      const verdict = verdicts.find(({ name }) => name === extension.name);
      return `${extension.name} stays as it is: ${whyLeft(extension, verdict, selection)}`;
    });
}

function whyLeft(extension: InstalledExtension, verdict: FleetVerdict | undefined, { held }: UpgradeSelection): string {
  const { name, source } = extension;
  const owner = ownerOf(extension);
  if (held.includes(name)) return `it is held, \`sysext-agent unhold ${name}\` ends that`;
  if (owner.kind === 'fleet') return verdict?.reason ?? `it is of ${ownerText(owner)}`;
  return `it was installed from ${source}, and where to find that again is not recorded: \`sysext-agent install\` takes a newer one`;
}
