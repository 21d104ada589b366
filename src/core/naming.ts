import { architectures } from './architecture.ts';
import { isExtensionName } from './names.ts';

/** The extension that an image file fills, and the version it names itself. */
export interface ImageIdentity {
  readonly name: string;
  readonly version: string;
}

const releasePrefix = 'extension-release.';

/**
 * What an image is, told by its file name and by the regular extension-release files in it. A file name carries more than
 * the name (`my-sysext-v0.1.0-1-trixie-x86-64.raw`, `foo_1.2.raw`); the release file carries the name alone.
 * @param stem the file name without its suffix.
 */
export function identifyImage(stem: string, releaseFiles: readonly string[]): ImageIdentity {
  const names = releaseFiles.map((file) => file.slice(releasePrefix.length)).filter(isExtensionName);
  const name = names.filter((candidate) => isStemOf(candidate, stem)).sort((a, b) => b.length - a.length)[0] ?? stem;
  return { name, version: versionIn(stem.slice(name.length)) };
}

/** `my-sysext` is the stem of `my-sysext-v0.1.0`, `my` is not the stem of `mytool`. */
function isStemOf(name: string, stem: string): boolean {
  return stem === name || (stem.startsWith(name) && /^[-_+.@]/.test(stem.slice(name.length)));
}

/** What follows the name: Dalec's `-v0.1.0-1-trixie-x86-64`, or `_1.2_x86-64`, or `-1.2`. */
function versionIn(rest: string): string {
  const architecture = architectures.find((candidate) => rest.endsWith(`-${candidate}`));
  const dalec =
    architecture === undefined ? undefined : /^-v(.+)-[^-]+$/.exec(rest.slice(0, -architecture.length - 1))?.[1];
  return dalec ?? /^[_-]v?([^_]+)/.exec(rest)?.[1] ?? '';
}
