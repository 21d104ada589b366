import type { Architecture } from '../../core/architecture.ts';
import { matchName, namesExtension, type MatchPattern, type PatternHost } from '../../core/match-pattern.ts';
import type { Blob, Compression } from '../publisher.ts';

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
  const chosen = new Map<string, ListedImage>();
  for (const pattern of patterns) {
    for (const [file, sha256] of sums) {
      const matched = matchName(pattern, file, host);
      if (matched === undefined || (matched.sha256 ?? sha256) !== sha256) continue;
      const image = { ...matched, file, sha256, isNamed: namesExtension(pattern) };
      const other = chosen.get(image.version);
      if (other === undefined || (!fits(other, host.architecture) && fits(image, host.architecture)))
        chosen.set(image.version, image);
    }
  }
  return [...chosen.values()];
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
