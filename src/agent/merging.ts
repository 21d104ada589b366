import type { HostRelease } from '../core/compatibility.ts';
import { AgentError, withLeft } from '../core/errors.ts';
import { sysext } from '../core/extension-class.ts';
import { readHostRelease } from '../systemd/host-release.ts';
import type { DriverChoice } from '../systemd/drivers/choice.ts';
import type { PreparedMerge, Preview, ToolEnd } from '../systemd/drivers/driver.ts';
import { mergedNames, readMerged } from '../systemd/merged.ts';
import { findImages } from '../systemd/search.ts';
import type { MergeOptions, MergeVerb } from '../systemd/sysext-tool.ts';
import { isBlocker, judgeAll, type JudgedImage, type Verdict } from '../systemd/verdicts.ts';
import type { Agent, Merger } from './agent.ts';
import { recording } from './merge-record.ts';
import { offeredImages } from './offered-images.ts';
import { blockersError } from './plan-refusals.ts';
import { readSettings } from './settings.ts';
import { requireSound } from './soundness.ts';

/** What systemd would find and do with one class of extensions on this host now. */
export interface Survey {
  readonly host: HostRelease;
  readonly images: readonly JudgedImage[];
}

/** Looks at every image that systemd finds below the agent's root. */
export async function survey(agent: Agent, { tool, imageMemory }: Merger = agent): Promise<Survey> {
  const { extensionClass } = tool;
  const { version } = await agent.tool.features();
  const host = readHostRelease(agent.root, version);
  const memory = { path: imageMemory, now: agent.clock.now() };
  const found = findImages(agent.root, version, extensionClass);
  return { host, images: await judgeAll(found, host, agent.exec, memory, extensionClass) };
}

/** Looks into what is prepared; undefined where nothing is, and the merge is done. */
export type Inspect = (preview: Preview | undefined) => Promise<void>;

export interface MergeOutcome {
  /** Names merged afterwards, ascending. */
  readonly merged: readonly string[];
  /** What systemd-sysext said. */
  readonly said: readonly string[];
  /** How it was done. */
  readonly choice: DriverChoice;
}

/**
 * Runs one operation of systemd-sysext, or systemd-confext, and reads back what is merged: exit codes prove nothing before 256.
 * Images that would stop the operation are named before it begins. What can be looked at before anyone sees it is judged
 * by then: where it is not what was meant, or programs would not start any more, what is merged stays as it is.
 * @param inspect looks into it as well, or, where nothing can be looked at before, into what is merged afterwards.
 * @param merger what is merged: system extensions, unless it is that for others.
 * @throws AgentError `merge-failed` where an image stops it, the tool fails, or what is merged is not what was meant;
 * `tool-failed` where it takes longer than the configuration allows.
 */
export async function runMerge(
  agent: Agent,
  verb: MergeVerb,
  options: MergeOptions,
  inspect: Inspect = () => Promise.resolve(),
  merger: Merger = agent,
): Promise<MergeOutcome> {
  const { mergeTimeLimit } = await readSettings(agent.root);
  const images = verb === 'unmerge' ? [] : await surveyWithoutBlockers(agent, merger, verb);
  const meant = verb === 'unmerge' ? unmerged : expectation(images, options.force === true);
  const timed = { ...options, ...(mergeTimeLimit === undefined ? {} : { timeLimit: mergeTimeLimit }) };
  const { extensionClass } = merger.tool;
  const isSysext = extensionClass === sysext;
  const prepared = await merger.driver.prepare(verb, timed, isSysext ? await offeredImages(agent, images) : []);
  const { choice, preview } = prepared;
  if (preview !== undefined) {
    await orAbort(prepared, async () => {
      requireMeant(merger, verb, preview.end, mergedNames(readMerged(preview.root, extensionClass)), meant);
      if (isSysext && options.force !== true) await requireSound(agent, preview, images);
      await inspect(preview);
    });
  }
  const found = images.map(({ image }) => image);
  const commit = () => committed(merger, prepared);
  const end = await (isSysext ? recording(agent, found, commit) : commit());
  const { merged } = mergedNow(merger);
  requireMeant(merger, verb, end, merged, meant);
  if (preview === undefined) await inspect(undefined);
  return { merged, said: end.said, choice };
}

/** @throws AgentError `merge-failed` where the program failed, or these names are not what was meant. */
function requireMeant(
  merger: Merger,
  verb: MergeVerb,
  { exitCode, said }: ToolEnd,
  names: readonly string[],
  meant: Expectation,
): void {
  const { left } = mergedNow(merger);
  const command = commandOf(merger, verb);
  if (exitCode !== 0) {
    throw new AgentError('merge-failed', `${command} failed with exit code ${exitCode}`, {
      facts: said,
      left,
    });
  }
  const missing = meant.required.filter((name) => !names.includes(name));
  const unexpected = names.filter((name) => !meant.possible.includes(name));
  if (missing.length > 0 || unexpected.length > 0) throw notAsMeant(command, missing, unexpected, said).with({ left });
}

/** `systemd-sysext refresh` */
function commandOf({ tool }: Merger, verb: MergeVerb): string {
  return `${tool.extensionClass.program} ${verb}`;
}

async function orAbort(prepared: PreparedMerge, look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    await prepared.abort();
    throw error;
  }
}

/** Where the tool cannot be run to its end, what is merged now may be half of what was meant. */
async function committed(merger: Merger, prepared: PreparedMerge): Promise<ToolEnd> {
  try {
    return await prepared.commit();
  } catch (error) {
    throw withLeft(error, mergedNow(merger).left);
  }
}

function mergedNow({ driver }: Merger): { readonly merged: readonly string[]; readonly left: string } {
  const merged = mergedNames(driver.observe());
  return { merged, left: merged.length === 0 ? 'Nothing is merged now.' : `Merged now: ${merged.join(', ')}.` };
}

/** Which names must be merged afterwards, and which may be. */
interface Expectation {
  readonly required: readonly string[];
  readonly possible: readonly string[];
}

const unmerged: Expectation = { required: [], possible: [] };

/**
 * What must be merged after a merge or refresh, and what may be: what we cannot foretell, and with --force what does not
 * fit. An image that adds nothing to a hierarchy is merged only along with others.
 */
export function expectation(images: readonly JudgedImage[], force: boolean): Expectation {
  const names = (outcomes: readonly Verdict['outcome'][]) =>
    images.filter(({ verdict }) => outcomes.includes(verdict.outcome)).map(({ image }) => image.name);
  const contributes = images.some(({ verdict }) => verdict.outcome === 'merges' && verdict.hierarchies.length > 0);
  return {
    required: contributes ? names(['merges']) : [],
    possible: names(force ? ['merges', 'unknown', 'ignored'] : ['merges', 'unknown']),
  };
}

async function surveyWithoutBlockers(agent: Agent, merger: Merger, verb: MergeVerb): Promise<readonly JudgedImage[]> {
  const { images } = await survey(agent, merger);
  const blockers = images.filter(isBlocker);
  if (blockers.length === 0) return images;
  throw blockersError(commandOf(merger, verb), blockers);
}

function notAsMeant(
  command: string,
  missing: readonly string[],
  unexpected: readonly string[],
  said: readonly string[],
): AgentError {
  return new AgentError('merge-failed', `${command} ended without an error, but what is merged is not what was meant`, {
    facts: [
      ...(missing.length === 0 ? [] : [`not merged: ${missing.join(', ')}`]),
      ...(unexpected.length === 0 ? [] : [`merged unexpectedly: ${unexpected.join(', ')}`]),
      ...said,
    ],
  });
}
