import { parseArchitecture, type Architecture } from '../../core/architecture.ts';
import type { ReleaseFields } from '../../core/os-release.ts';
import { saidBy } from './annotations.ts';
import { sha256Of, type Descriptor, type Index } from './manifest.ts';

type Choice = { readonly descriptor: Descriptor } | { readonly reason: string };

/**
 * Chooses among the images of an index the one for an architecture: one that is for it rather than one for all, one that
 * fits rather than one that does not. What its authors put first comes first.
 * @param fits whether an image with these fields fits the one who asks.
 */
export function chooseManifest(
  { manifests }: Index,
  wanted: Architecture,
  fits: (release: ReleaseFields) => boolean = () => true,
): Choice {
  const images = manifests.filter(isImage);
  const usable = images.filter((descriptor) => isFor(architectureOf(descriptor), wanted));
  const ranked = usable
    .map((descriptor) => ({ descriptor, rank: rankOf(descriptor, wanted, fits) }))
    .sort((a, b) => b.rank - a.rank);
  const [best] = ranked;
  if (best !== undefined) return { descriptor: best.descriptor };
  const others = [...new Set(images.flatMap((descriptor) => architectureOf(descriptor) ?? []))];
  return { reason: others.length === 0 ? 'its index names no image' : `it is for ${others.join(', ')}` };
}

/** Beside images an index may have what was said of them: `unknown/unknown` stands for no platform. */
function isImage({ digest, platform }: Descriptor): boolean {
  return sha256Of(digest) !== undefined && (platform === undefined || ['linux', ''].includes(platform.os));
}

function isFor(architecture: Architecture | 'other' | undefined, wanted: Architecture): boolean {
  return architecture === undefined || architecture === wanted;
}

/** The architecture of an image; undefined for one that is for all, `other` for one that we do not know. */
function architectureOf({ platform, annotations }: Descriptor): Architecture | 'other' | undefined {
  const name = platform?.architecture ?? '';
  if (name !== '') return parseArchitecture(name) ?? 'other';
  return saidBy(annotations, '').architecture;
}

function rankOf(descriptor: Descriptor, wanted: Architecture, fits: (release: ReleaseFields) => boolean): number {
  const { release } = saidBy(descriptor.annotations, '');
  const isFit = release !== undefined && fits(release);
  return Number(isFit) * 2 + Number(architectureOf(descriptor) === wanted);
}
