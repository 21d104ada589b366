import type { HostRelease } from '../core/compatibility.ts';
import { AgentError, withLeft } from '../core/errors.ts';
import { readHostRelease } from '../systemd/host-release.ts';
import type { DriverChoice } from '../systemd/drivers/choice.ts';
import type { PreparedMerge, Preview, ToolEnd } from '../systemd/drivers/driver.ts';
import { mergedNames, readMerged } from '../systemd/merged.ts';
import { findImages } from '../systemd/search.ts';
import type { MergeOptions, MergeVerb } from '../systemd/sysext-tool.ts';
import { isBlocker, judgeAll, type JudgedImage, type Verdict } from '../systemd/verdicts.ts';
import type { Agent } from './agent.ts';
import { recording } from './merge-record.ts';
import { offeredImages } from './offered-images.ts';
import { blockersError } from './plan-refusals.ts';
import { readSettings } from './settings.ts';
import { requireSound } from './soundness.ts';

/** What systemd-sysext would find and do on this host now. */
export interface Survey {
  readonly host: HostRelease;
  readonly images: readonly JudgedImage[];
}

/** Looks at every image that systemd-sysext finds below the agent's root. */
export async function survey(agent: Agent): Promise<Survey> {
  const { version } = await agent.tool.features();
  const host = readHostRelease(agent.root, version);
  const memory = { path: agent.paths.imageMemory, now: agent.clock.now() };
  return { host, images: await judgeAll(findImages(agent.root, version), host, agent.exec, memory) };
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
 * Runs one operation of systemd-sysext and reads back what is merged: exit codes prove nothing before 256.
 * Images that would stop the operation are named before it begins. What can be looked at before anyone sees it is judged
 * by then: where it is not what was meant, or programs would not start any more, what is merged stays as it is.
 * @param inspect looks into it as well, or, where nothing can be looked at before, into what is merged afterwards.
 * @throws AgentError `merge-failed` where an image stops it, the tool fails, or what is merged is not what was meant;
 * `tool-failed` where it takes longer than the configuration allows.
 */
export async function runMerge(
  agent: Agent,
  verb: MergeVerb,
  options: MergeOptions,
  inspect: Inspect = () => Promise.resolve(),
): Promise<MergeOutcome> {
  const { mergeTimeLimit } = await readSettings(agent.root);
  const images = verb === 'unmerge' ? [] : await surveyWithoutBlockers(agent, verb);
  const meant = verb === 'unmerge' ? unmerged : expectation(images, options.force === true);
  const timed = { ...options, ...(mergeTimeLimit === undefined ? {} : { timeLimit: mergeTimeLimit }) };
  const prepared = await agent.driver.prepare(verb, timed, await offeredImages(agent, images));
  const { choice, preview } = prepared;
  if (preview !== undefined) {
    await orAbort(prepared, async () => {
      requireMeant(agent, verb, preview.end, mergedNames(readMerged(preview.root)), meant);
      if (options.force !== true) await requireSound(agent, preview, images);
      await inspect(preview);
    });
  }
  const found = images.map(({ image }) => image);
  const end = await recording(agent, found, () => committed(agent, prepared));
  const { merged } = mergedNow(agent);
  requireMeant(agent, verb, end, merged, meant);
  if (preview === undefined) await inspect(undefined);
  return { merged, said: end.said, choice };
}

/** @throws AgentError `merge-failed` where systemd-sysext failed, or these names are not what was meant. */
function requireMeant(
  agent: Agent,
  verb: MergeVerb,
  { exitCode, said }: ToolEnd,
  names: readonly string[],
  meant: Expectation,
): void {
  const { left } = mergedNow(agent);
  if (exitCode !== 0) {
    throw new AgentError('merge-failed', `systemd-sysext ${verb} failed with exit code ${exitCode}`, {
      facts: said,
      left,
    });
  }
  const missing = meant.required.filter((name) => !names.includes(name));
  const unexpected = names.filter((name) => !meant.possible.includes(name));
  if (missing.length > 0 || unexpected.length > 0) throw notAsMeant(verb, missing, unexpected, said).with({ left });
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
async function committed(agent: Agent, prepared: PreparedMerge): Promise<ToolEnd> {
  try {
    return await prepared.commit();
  } catch (error) {
    throw withLeft(error, mergedNow(agent).left);
  }
}

function mergedNow(agent: Agent): { readonly merged: readonly string[]; readonly left: string } {
  const merged = mergedNames(agent.driver.observe());
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
 * fit. An image with neither /usr nor /opt is merged only along with others.
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

async function surveyWithoutBlockers(agent: Agent, verb: MergeVerb): Promise<readonly JudgedImage[]> {
  const { images } = await survey(agent);
  const blockers = images.filter(isBlocker);
  if (blockers.length === 0) return images;
  throw blockersError(verb, blockers);
}

function notAsMeant(
  verb: MergeVerb,
  missing: readonly string[],
  unexpected: readonly string[],
  said: readonly string[],
): AgentError {
  return new AgentError(
    'merge-failed',
    `systemd-sysext ${verb} ended without an error, but what is merged is not what was meant`,
    {
      facts: [
        ...(missing.length === 0 ? [] : [`not merged: ${missing.join(', ')}`]),
        ...(unexpected.length === 0 ? [] : [`merged unexpectedly: ${unexpected.join(', ')}`]),
        ...said,
      ],
    },
  );
}
