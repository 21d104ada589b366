import { join } from 'node:path';

import { imageNameOf } from '../core/names.ts';
import type { SystemdVersion } from '../core/systemd-version.ts';
import { fileStatus, linkStatus, listNames } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';

/** An image that systemd-sysext would find. */
export interface FoundImage {
  readonly name: string;
  /**
   * `versioned` is a `.v` directory, from which systemd picks the newest version itself (systemd.v(7)); `mstack` a
   * directory of layers (systemd.mstack(7)), which systemd-sysext finds and cannot merge.
   */
  readonly kind: 'raw' | 'directory' | 'versioned' | 'mstack' | 'block';
  /** The entry of the search directory as a path below the root. */
  readonly path: string;
  /** The real path of what the entry leads to. */
  readonly realPath: string;
}

/** Where systemd-sysext looks for extensions, highest precedence first (systemd-sysext(8)). */
export function searchDirectories(systemd: SystemdVersion): readonly string[] {
  const directories = ['/etc/extensions', '/run/extensions', '/var/lib/extensions'];
  return systemd.major >= 254 ? directories : [...directories, '/usr/local/lib/extensions', '/usr/lib/extensions'];
}

/**
 * The images that systemd-sysext of this version finds below `root`, by name: of several with one name the first
 * directory's. Entries it passes over (wrong suffix, dangling links, devices, temporary names) are not in the answer.
 */
export function findImages(root: string, systemd: SystemdVersion): FoundImage[] {
  const found = new Map<string, FoundImage>();
  for (const directory of searchDirectories(systemd)) {
    for (const entry of listNames(belowRoot(root, directory))) {
      const image = imageAt(root, `${directory}/${entry}`, entry, systemd);
      if (image !== undefined && !found.has(image.name)) found.set(image.name, image);
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function imageAt(root: string, path: string, entry: string, systemd: SystemdVersion): FoundImage | undefined {
  const directory = belowRoot(root, path.slice(0, -entry.length - 1));
  // Up to 259 the tool does not follow symbolic links below another root.
  const followsLinks = root === '/' || systemd.major >= 260;
  if (!followsLinks && linkStatus(join(directory, entry))?.isSymbolicLink() === true) return undefined;
  const realPath = belowRoot(root, path);
  const kind = kindOf(realPath, entry, systemd);
  const name = kind === undefined ? undefined : nameOf(entry, kind, systemd);
  return kind === undefined || name === undefined ? undefined : { name, kind, path, realPath };
}

function kindOf(realPath: string, entry: string, systemd: SystemdVersion): FoundImage['kind'] | undefined {
  const status = fileStatus(realPath);
  if (status?.isFile() === true) return 'raw';
  if (status?.isBlockDevice() === true) return 'block';
  if (status?.isDirectory() !== true) return undefined;
  if (systemd.major >= 260 && entry.endsWith('.mstack')) return 'mstack';
  return systemd.major >= 256 && entry.endsWith('.v') ? 'versioned' : 'directory';
}

function nameOf(entry: string, kind: FoundImage['kind'], systemd: SystemdVersion): string | undefined {
  if (kind === 'versioned') return imageNameOf(entry.replace(/(\.raw)?\.v$/, ''), 'directory', 'sysext', systemd.major);
  if (kind === 'mstack') return imageNameOf(entry.replace(/\.mstack$/, ''), 'directory', 'sysext', systemd.major);
  return imageNameOf(entry, kind === 'raw' ? 'file' : kind, 'sysext', systemd.major);
}
