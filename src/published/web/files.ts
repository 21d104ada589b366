import { architectures, type Architecture } from '../../core/architecture.ts';
import { matchName, namesExtension, type MatchPattern, type PatternHost } from '../../core/match-pattern.ts';
import { identifyImage } from '../../core/naming.ts';
import type { Compression } from '../../host/unpack.ts';
import type { Blob } from '../publisher.ts';

/** A file of a list that is an image of the extension by its name. */
export interface ListedImage {
  readonly file: string;
  /** Of the file as it lies there, in hexadecimal. */
  readonly sha256: string;
  readonly version: string;
  /** Absent where the name has none. */
  readonly architecture?: Architecture;
  /** In bytes, where the name says it. */
  readonly size?: number;
  /** Whether the pattern that it matches fixes what the extension is called. */
  readonly isNamed: boolean;
}

/** With the place of the pattern that it matches among all of them. */
type Ranked = ListedImage & { readonly rank: number };

/**
 * The images in a list: one for each version, for this architecture where there is one. Of several patterns that match, and
 * of several files of a version, the one of the earliest pattern counts. A name that has another hash in it than the list
 * says is not taken for an image.
 */
export function imagesIn(
  sums: ReadonlyMap<string, string>,
  patterns: readonly MatchPattern[],
  host: PatternHost & { readonly architecture: Architecture },
): readonly ListedImage[] {
  const chosen = new Map<string, Ranked>();
  for (const [file, sha256] of sums) {
    const image = imageOf(file, sha256, patterns, host);
    const other = image && chosen.get(image.version);
    if (image !== undefined && (other === undefined || isBetter(image, other, host.architecture)))
      chosen.set(image.version, image);
  }
  return [...chosen.values()];
}

/** A file by the first pattern that it matches: the version of a later one may have more of the name in it. */
function imageOf(
  file: string,
  sha256: string,
  patterns: readonly MatchPattern[],
  host: PatternHost,
): Ranked | undefined {
  for (const [rank, pattern] of patterns.entries()) {
    const matched = matchName(pattern, file, host);
    if (matched === undefined) continue;
    if ((matched.sha256 ?? sha256) !== sha256) return undefined;
    return { ...matched, file, sha256, isNamed: namesExtension(pattern), rank };
  }
  return undefined;
}

function isBetter(image: Ranked, other: Ranked, architecture: Architecture): boolean {
  const [here, there] = [fits(image, architecture), fits(other, architecture)];
  return here === there ? image.rank < other.rank : here;
}

/** Whether the name of a file leaves it open that it is for an architecture. */
export function fits(image: ListedImage, architecture: Architecture): boolean {
  return image.architecture === undefined || image.architecture === architecture;
}

const packings: Readonly<Record<string, Compression>> = { zst: 'zstd', xz: 'xz', gz: 'gzip' };

/** How a file is packed, by its name. */
export function blobOf({ file, sha256, size }: Pick<ListedImage, 'file' | 'sha256' | 'size'>): Blob {
  const [, ending = ''] = /\.(zst|xz|gz)$/.exec(file) ?? [];
  return {
    sha256,
    ...(size === undefined ? {} : { size }),
    compression: file.endsWith('.tgz') ? 'gzip' : (packings[ending] ?? 'none'),
    form: /\.(tar(\.(zst|xz|gz))?|tgz)$/.test(file) ? 'tar' : 'raw',
  };
}

/** What the name of a single file says of the image; the version is empty where it says none. */
export function singleImage(file: string, sha256: string, name: string): ListedImage {
  const stem = file.replace(/(\.sysext)?\.(raw|tar|tgz)(\.(zst|xz|gz))?$/, '');
  const architecture = architectures.find((one) => stem.endsWith(`-${one}`) || stem.endsWith(`_${one}`));
  const identity = identifyImage(stem, [`extension-release.${name}`]);
  const version = identity.name === name ? identity.version : '';
  const cut = architecture === undefined || !version.endsWith(architecture) ? 0 : architecture.length + 1;
  return {
    file,
    sha256,
    version: version.slice(0, version.length - cut),
    ...(architecture === undefined ? {} : { architecture }),
    isNamed: true,
  };
}
