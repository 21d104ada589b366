import { compatibility, type HostRelease, type Misfit } from '../core/compatibility.ts';
import { isAgentError } from '../core/errors.ts';
import { parseReleaseFields } from '../core/os-release.ts';
import { findReleaseFile } from '../core/release-file.ts';
import type { Exec } from '../host/exec.ts';
import { readImageFacts, type ImageFacts } from './image.ts';
import type { FoundImage } from './search.ts';

/**
 * What systemd-sysext does with an image it finds:
 * merge it; ignore it without a word; stop the whole operation over it, so that nothing is merged; or something we
 * cannot foretell, since it chooses among several versions itself or the image cannot be read here.
 */
export type Verdict =
  | { readonly outcome: 'merges'; readonly hierarchies: readonly string[] }
  | { readonly outcome: 'ignored'; readonly why: Misfit }
  | { readonly outcome: 'stops'; readonly reason: string }
  | { readonly outcome: 'unknown'; readonly reason: string };

export interface JudgedImage {
  readonly image: FoundImage;
  readonly verdict: Verdict;
}

/** What is read of an image to judge it: its facts, or why they cannot be had. */
export type Evidence = { readonly facts: ImageFacts } | { readonly broken: string } | { readonly unreadable: string };

/**
 * Judges one image by what was read of it (systemd-sysext's behaviour table of bad images): a raw image without a
 * release file for its name, or one that is no image at all, stops every merge; a directory like that is only ignored.
 */
export function judge(image: FoundImage, evidence: Evidence, host: HostRelease): Verdict {
  if ('broken' in evidence) return { outcome: 'stops', reason: evidence.broken };
  if ('unreadable' in evidence) return { outcome: 'unknown', reason: evidence.unreadable };
  const { facts } = evidence;
  if (facts.hasOsRelease && facts.format === 'directory') {
    return { outcome: 'stops', reason: 'it contains /usr/lib/os-release, which an extension must not' };
  }
  if (facts.hasOsRelease) return { outcome: 'ignored', why: osReleaseInside };
  const file = findReleaseFile(facts.releaseFiles, image.name, host.systemd);
  const text = facts.releaseFiles.find((candidate) => candidate.name === file)?.text;
  const result = compatibility(text === undefined ? undefined : parseReleaseFields(text), host);
  if (result.fits) return { outcome: 'merges', hierarchies: facts.hierarchies };
  if (text === undefined && facts.format !== 'directory') return { outcome: 'stops', reason: result.why.reason };
  return { outcome: 'ignored', why: result.why };
}

const osReleaseInside: Misfit = {
  field: '/usr/lib/os-release',
  expected: 'none',
  found: 'one',
  reason: 'it contains /usr/lib/os-release, which an extension must not',
};

/** Judges every image that systemd-sysext finds. */
export async function judgeAll(images: readonly FoundImage[], host: HostRelease, exec: Exec): Promise<JudgedImage[]> {
  return Promise.all(
    images.map(async (image) => ({ image, verdict: judge(image, await readEvidence(image, exec), host) })),
  );
}

async function readEvidence(image: FoundImage, exec: Exec): Promise<Evidence> {
  if (image.kind === 'versioned') return { unreadable: 'systemd picks one of several versions itself' };
  if (image.kind === 'block') return { unreadable: 'it is a block device' };
  try {
    return { facts: await readImageFacts(image.realPath, exec) };
  } catch (error) {
    if (isAgentError(error, 'invalid-image')) return { broken: error.message };
    if (isAgentError(error)) return { unreadable: error.message };
    throw error;
  }
}

/** The reason of a verdict as a clause, or undefined where the image merges. */
export function reasonOf(verdict: Verdict): string | undefined {
  if (verdict.outcome === 'merges') return undefined;
  return verdict.outcome === 'ignored' ? verdict.why.reason : verdict.reason;
}
