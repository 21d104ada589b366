import type { Architecture } from '../../core/architecture.ts';

/** What an image says of itself. */
export interface ImageSettings {
  /** The name of the extension: the spec's name. */
  readonly name: string;
  /** The file name of the image without `.raw`, which need not be the name of the extension. */
  readonly imageName: string;
  readonly architecture: Architecture;
  /** `ID=` of the operating system the image is for; `_any` for all of them. */
  readonly osId: string;
  readonly osVersionId?: string;
  readonly sysextLevel?: string;
  /** Seconds since 1970: nothing in the image is newer, and what the build adds has this time. */
  readonly sourceDateEpoch?: number;
}

export interface ImageFileName {
  readonly name: string;
  readonly version: string;
  /** `1` where the spec has none. */
  readonly revision?: string;
  readonly target: string;
  readonly architecture: Architecture;
  /** Takes the place of the whole name; one `.raw` at its end is not repeated. */
  readonly imageName?: string;
}

/** The file name of the image that Dalec's sysext target builds: `jq-v1.7.1-1-trixie-x86-64.raw`. */
export function imageFileName(parts: ImageFileName): string {
  const { name, version, revision = '', target, architecture, imageName = '' } = parts;
  if (imageName !== '') return `${imageName.replace(/\.raw$/, '')}.raw`;
  return `${name}-v${version}-${revision === '' ? '1' : revision}-${target}-${architecture}.raw`;
}
