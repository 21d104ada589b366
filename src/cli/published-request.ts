import { join } from 'node:path';

import type { ImageRequest } from '../agent/candidate.ts';
import { countingFailures } from '../agent/verify-failures.ts';
import type { HostRelease } from '../core/compatibility.ts';
import type { Allowance } from '../core/contents/allow.ts';
import { AgentError } from '../core/errors.ts';
import { parseImageReference, withDetails, type ImageReference } from '../core/image-reference.ts';
import { parseVersionRange, type VersionRange } from '../core/version-range.ts';
import { systemClock } from '../host/clock.ts';
import { fileStatus } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import type { Invocation, Options, OptionSpec } from './command.ts';
import { agentFor, rootOf } from './invoker.ts';
import { terminalProgress } from './progress.ts';
import type { PublishedWish } from './published-images.ts';

/** The options that say more of a reference. */
export const referenceOptions: readonly OptionSpec[] = [
  { flags: '--range <versions>', description: 'which versions of a published image may be taken, such as ">=1.2 <2"' },
  {
    flags: '--match <pattern>',
    description: 'which files of a directory are images: NAME-@v-%a.raw',
    repeatable: true,
  },
  { flags: '--sha256 <digest>', description: 'the digest of a single file that is fetched' },
];

/** The options that say more of a published image that is to be installed. */
export const publishedOptions: readonly OptionSpec[] = [
  ...referenceOptions,
  { flags: '--allow-downgrade', description: 'take an older version than one that came from there before' },
];

/** Whether a REF is something to fetch: an address, or a directory with a list of images. */
export function isPublished(ref: string, options: Options): boolean {
  if (/^[a-z][a-z0-9+.-]*:\/\//.test(ref)) return true;
  if (!ref.startsWith('/') || !ref.endsWith('/')) return false;
  return fileStatus(belowRoot(rootOf(options), join(ref, 'SHA256SUMS')))?.isFile() === true;
}

/**
 * Fetches the image that a REF and the options beside it ask for.
 * @param system that it must fit, where that is not this host.
 */
export async function publishedRequest(
  { options, signal, terminal }: Invocation,
  ref: string,
  allow: readonly Allowance[],
  system?: HostRelease,
): Promise<ImageRequest> {
  const wish = publishedWish(ref, options);
  const { publishedImages } = await import('./published-images.ts');
  const progress = terminalProgress(terminal, () => systemClock.monotonic());
  try {
    const agent = await agentFor(options, signal);
    const images = await publishedImages(agent, progress, system);
    const image = await countingFailures(agent.root, async () => {
      const found = await images.find(wish, signal);
      for (const { version, reason } of found.passedOver)
        progress.step(`${found.name} ${version} is passed over: ${reason}`);
      return images.fetch(wish, found, signal);
    });
    return { ...image, allow };
  } finally {
    progress.finish();
  }
}

/**
 * What a REF and the options of a command ask for.
 * @throws AgentError `usage`
 */
export function publishedWish(ref: string, options: Options): PublishedWish {
  const name = options.text('name');
  const range = rangeIn(options);
  return {
    reference: referenceIn(ref, options),
    ...(name === undefined ? {} : { name }),
    ...(range === undefined ? {} : { range }),
    allowDowngrade: options.flag('allowDowngrade'),
    retry: options.flag('retry'),
  };
}

function referenceIn(ref: string, options: Options): ImageReference {
  const reference = parseImageReference(ref);
  if ('problem' in reference) throw new AgentError('usage', reference.problem);
  const match = options.list('match');
  const details = { sha256: options.text('sha256'), match: match.length === 0 ? undefined : match };
  const detailed = withDetails(reference.value, details);
  if ('problem' in detailed) throw new AgentError('usage', detailed.problem);
  return detailed.value;
}

function rangeIn(options: Options): VersionRange | undefined {
  const text = options.text('range');
  const parsed = text === undefined ? undefined : parseVersionRange(text);
  if (parsed === undefined) return undefined;
  if ('problem' in parsed) throw new AgentError('usage', `--range: ${parsed.problem}`);
  return parsed.value;
}
