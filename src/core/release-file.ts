import { baseName, isImageName } from './names.ts';
import type { SystemdVersion } from './systemd-version.ts';

/** A file in the extension-release.d directory of an image. */
export interface ReleaseFile {
  /** File name, such as `extension-release.jq`. */
  readonly name: string;
  /** Whether it is a regular file itself; a symbolic link counts only under the exact name. */
  readonly regular: boolean;
  /** The extended attribute `user.extension-release.strict`, where the file has one. */
  readonly strict?: string;
}

const prefix = 'extension-release.';

/**
 * Which extension-release file of an image counts for an image of this name: the exact name; else, from 250 on, the one
 * file that may speak for any name, by its base name (SystemdVersion.baseNames) or by its extended attribute set to false
 * (systemd-sysext(8), extension-release(5)).
 * @returns the file name, or undefined where none or more than one would count.
 */
export function findReleaseFile(
  files: readonly ReleaseFile[],
  imageName: string,
  systemd: SystemdVersion,
): string | undefined {
  if (!isImageName(imageName)) return undefined;
  const exact = `${prefix}${imageName}`;
  if (files.some((file) => file.name === exact)) return exact;
  if (systemd.major < 250) return undefined;
  const candidates = files.filter((file) => file.regular && speaksFor(file, imageName, systemd));
  return candidates.length === 1 ? candidates[0]?.name : undefined;
}

function speaksFor(file: ReleaseFile, imageName: string, systemd: SystemdVersion): boolean {
  if (!file.name.startsWith(prefix)) return false;
  const rest = file.name.slice(prefix.length);
  return isImageName(rest) && (sameBase(rest, imageName, systemd) || isFalse(file.strict));
}

function sameBase(rest: string, imageName: string, { baseNames }: SystemdVersion): boolean {
  if (baseNames === 'none') return false;
  return (baseNames === 'same' ? baseName(rest) : rest) === baseName(imageName);
}

function isFalse(text: string | undefined): boolean {
  return text !== undefined && /^(0|no|n|false|f|off)$/i.test(text);
}
