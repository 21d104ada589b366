import { compatibility, type HostRelease, type Misfit } from '../core/compatibility.ts';
import { isAgentError } from '../core/errors.ts';
import { sysext, type ExtensionClass } from '../core/extension-class.ts';
import { parseReleaseFields } from '../core/os-release.ts';
import { findReleaseFile } from '../core/release-file.ts';
import { isErofs } from '../host/erofs-format.ts';
import type { Exec } from '../host/exec.ts';
import { fileStatus, isEmpty } from '../host/files.ts';
import { openImageBytes } from '../host/image-bytes.ts';
import { readImageFacts, type ImageFacts } from './image.ts';
import { identityOf, recallFacts, rememberFacts, type ImageMemory } from './image-memory.ts';
import type { FoundImage } from './search.ts';

/**
 * What systemd-sysext does with an image it finds:
 * - `merges`: it merges it;
 * - `ignored`: it passes over it without a word;
 * - `stops`: it fails or hangs over it, so that no other image is merged either;
 * - `damaged`: the kernel mounts it or not by the little it looks at, and where it does, files in it cannot be read;
 * - `unknown`: what we cannot foretell, since the image cannot be read here.
 */
export type Verdict =
  | { readonly outcome: 'merges'; readonly hierarchies: readonly string[] }
  | { readonly outcome: 'ignored'; readonly why: Misfit }
  | { readonly outcome: 'stops' | 'damaged' | 'unknown'; readonly reason: string };

export interface JudgedImage {
  readonly image: FoundImage;
  readonly verdict: Verdict;
}

/** What is read of an image to judge it: its facts, or the outcome where they cannot be had, and why. */
export type Evidence =
  { readonly facts: ImageFacts } | { readonly outcome: 'stops' | 'damaged' | 'unknown'; readonly reason: string };

/**
 * Judges one image by what was read of it, as the tests against systemd 252, 254, 257 and 262 have it: a raw image
 * without a release file for its name, or one that is no image at all, stops every merge; a directory like that is only
 * ignored.
 */
export function judge(
  image: FoundImage,
  evidence: Evidence,
  host: HostRelease,
  extensionClass: ExtensionClass = sysext,
): Verdict {
  if ('outcome' in evidence) return evidence;
  const { facts } = evidence;
  if (facts.hasOsRelease) return judgeOperatingSystem(facts, host);
  const file = findReleaseFile(facts.releaseFiles, image.releaseName ?? image.name, host.systemd);
  const text = facts.releaseFiles.find((candidate) => candidate.name === file)?.text;
  const result = compatibility(text === undefined ? undefined : parseReleaseFields(text), host, extensionClass);
  if (result.fits) return { outcome: 'merges', hierarchies: facts.hierarchies };
  if (text === undefined && facts.format !== 'directory') return { outcome: 'stops', reason: result.why.reason };
  return { outcome: 'ignored', why: result.why };
}

/** From 254 on, one in a raw image is passed over, after some seconds of waiting for its loop device. */
function judgeOperatingSystem(facts: ImageFacts, host: HostRelease): Verdict {
  const reason = 'it contains /usr/lib/os-release, which an extension must not';
  if (facts.format === 'directory' || host.systemd.major < 254) return { outcome: 'stops', reason };
  return { outcome: 'ignored', why: { field: '/usr/lib/os-release', expected: 'none', found: 'one', reason } };
}

/** Whether nothing may be merged while the image is there: systemd-sysext would fail, or merge what cannot be read. */
export function isBlocker({ verdict }: JudgedImage): boolean {
  return verdict.outcome === 'stops' || verdict.outcome === 'damaged';
}

/**
 * Judges every image of a class that systemd finds.
 * @param memory saves reading an image that was found good before and has not changed since.
 */
export async function judgeAll(
  images: readonly FoundImage[],
  host: HostRelease,
  exec: Exec,
  memory: ImageMemory,
  extensionClass: ExtensionClass = sysext,
): Promise<JudgedImage[]> {
  const known = recallFacts(memory);
  const read = await Promise.all(
    images.map(async (image) => {
      const identity = identityOf(image, memory.now);
      const facts = identity === undefined ? undefined : known.get(identity);
      const evidence = facts === undefined ? await readEvidence(image, exec, extensionClass) : { facts };
      return { image, identity, evidence };
    }),
  );
  const facts = new Map(
    read.flatMap(({ identity, evidence }) =>
      identity !== undefined && 'facts' in evidence ? [[identity, evidence.facts] as const] : [],
    ),
  );
  if ([...facts.keys()].some((identity) => !known.has(identity))) rememberFacts(memory, facts);
  return read.map(({ image, evidence }) => ({ image, verdict: judge(image, evidence, host, extensionClass) }));
}

async function readEvidence(image: FoundImage, exec: Exec, extensionClass: ExtensionClass): Promise<Evidence> {
  const { program } = extensionClass;
  if (image.kind === 'block') return blockEvidence(image.realPath);
  if (image.kind === 'mstack') return { outcome: 'stops', reason: `${program} cannot merge an .mstack directory` };
  if (image.obstacle !== undefined) return { outcome: 'stops', reason: image.obstacle };
  try {
    // What is remembered of a file holds for every name that it may have.
    const name = image.kind === 'directory' ? image.name : undefined;
    return { facts: await readImageFacts(image.realPath, exec, name, extensionClass) };
  } catch (error) {
    if (!isAgentError(error)) throw error;
    if (error.code !== 'invalid-image') return { outcome: 'unknown', reason: error.message };
    return { outcome: looksMountable(image) ? 'damaged' : 'stops', reason: error.message };
  }
}

/** What is on a device is not read here, but whether anything is. */
function blockEvidence(path: string): Evidence {
  return isEmpty(path)
    ? { outcome: 'stops', reason: 'it is a block device with nothing behind it' }
    : { outcome: 'unknown', reason: 'it is a block device' };
}

/** Of an erofs image the kernel looks at no more than the superblock and the root directory before it mounts it. */
function looksMountable(image: FoundImage): boolean {
  if (image.kind !== 'raw' || fileStatus(image.realPath)?.size === 0) return false;
  using bytes = openImageBytes(image.realPath);
  return isErofs(bytes);
}

/** The reason of a verdict as a clause, or undefined where the image merges. */
export function reasonOf(verdict: Verdict): string | undefined {
  if (verdict.outcome === 'merges') return undefined;
  return verdict.outcome === 'ignored' ? verdict.why.reason : verdict.reason;
}
