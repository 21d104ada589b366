import type { ExtensionClass } from './extension-class.ts';

// Those of ASCII only: systemd lets the others of Unicode pass.

const controlOrSlash = /[\0-\x1f\x7f/]/;

/**
 * Whether systemd takes `name` for the name of an image: 1 to 255 bytes of one path part, no control characters, and
 * not a temporary name (image_name_is_valid()).
 */
export function isImageName(name: string): boolean {
  const bytes = Buffer.byteLength(name);
  return (
    bytes >= 1 && bytes <= 255 && !controlOrSlash.test(name) && name !== '.' && name !== '..' && !name.startsWith('.#')
  );
}

/**
 * Whether we give an extension this name: what is safe in a path, on a command line and in a unit name, and means the
 * same to every version of systemd.
 */
export function isExtensionName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,127}$/.test(name) && !/\.(raw|v|mstack|sysext|confext)$/.test(name);
}

/** The rule of isExtensionName() in words, for messages. */
export const extensionNameRule =
  'letters, digits, and . _ + - after the first, at most 128, not ending in .raw, .v, .sysext or .confext';

/** The base of an image name: without the suffix of its type, cut at the first `_` or `+` (systemd.v(7)). */
export function baseName(name: string): string {
  return name.replace(/(\.sysext|\.confext)?\.raw$/, '').replace(/[_+].*$/s, '');
}

/**
 * The image name that systemd gives an entry of a search directory, or undefined where it passes the entry over.
 * @param kind what the entry leads to, symbolic links followed.
 * @param systemd major version: `.sysext.raw` counts as a suffix from 255 on.
 */
export function imageNameOf(
  entry: string,
  kind: 'file' | 'directory' | 'block',
  extensionClass: ExtensionClass,
  systemd: number,
): string | undefined {
  if (kind === 'file' && !entry.endsWith('.raw')) return undefined;
  if (systemd >= 261 && entry.startsWith('.sysupdate.')) return undefined;
  const name =
    kind === 'block'
      ? entry
      : withoutClass(kind === 'file' ? entry.slice(0, -'.raw'.length) : entry, extensionClass, systemd);
  return isImageName(name) ? name : undefined;
}

function withoutClass(name: string, extensionClass: ExtensionClass, systemd: number): string {
  const suffix = `.${extensionClass.name}`;
  return systemd >= 255 && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
}
