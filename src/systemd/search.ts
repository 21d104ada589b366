import { basename, dirname, join } from 'node:path';

import { sysext, type ExtensionClass } from '../core/extension-class.ts';
import { imageNameOf, isImageName } from '../core/names.ts';
import type { SystemdVersion } from '../core/systemd-version.ts';
import { nameParts, pickVersion } from '../core/versioned.ts';
import { fileStatus, linkStatus, listNames } from '../host/files.ts';
import { belowRoot, obstacleTo } from '../host/root.ts';
import { hostArchitecture } from './host-release.ts';

/** An image that systemd-sysext would find. */
export interface FoundImage {
  readonly name: string;
  /**
   * `mstack` is a directory of layers (systemd.mstack(7)), which systemd-sysext finds and cannot merge; `obstructed` is
   * a link that leads to itself or the like: systemd-sysext gives up over it before it looks at any name, whatever the
   * entry is called, so no image of an earlier directory keeps it from that. It has the name of the entry.
   */
  readonly kind: 'raw' | 'directory' | 'mstack' | 'block' | 'obstructed';
  /** The image as a path below the root: an entry of a search directory, or of a `.v` directory in there. */
  readonly path: string;
  /** The real path of what that leads to. */
  readonly realPath: string;
  /** The name that its release file is to have, where it is not that of the image. */
  readonly releaseName?: string;
  /** Why an obstructed link cannot be followed. */
  readonly obstacle?: string;
}

/**
 * The images that systemd-sysext of this version finds below `root`, by name: of several with one name the first
 * directory's. Entries it passes over (wrong suffix, dangling links, devices, temporary names) are not in the answer.
 * @param without paths below the root that are looked at as if they were not there.
 */
export function findImages(
  root: string,
  systemd: SystemdVersion,
  extensionClass: ExtensionClass = sysext,
  without: readonly string[] = [],
): FoundImage[] {
  const wanted = { systemd, extensionClass };
  const found = new Map<string, FoundImage>();
  const obstructed: FoundImage[] = [];
  for (const directory of extensionClass.searchDirectories(systemd)) {
    const inTheWay = obstructedAt(root, directory);
    if (inTheWay !== undefined) {
      obstructed.push(inTheWay);
      continue;
    }
    for (const entry of listNames(belowRoot(root, directory))) {
      if (without.includes(`${directory}/${entry}`)) continue;
      const image = imageAt(root, `${directory}/${entry}`, wanted);
      if (image?.kind === 'obstructed') obstructed.push(image);
      else if (image !== undefined && !found.has(image.name)) found.set(image.name, image);
    }
  }
  return [...found.values(), ...obstructed].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What is looked for, and by which systemd. */
interface Wanted {
  readonly systemd: SystemdVersion;
  readonly extensionClass: ExtensionClass;
}

/** A link that systemd-sysext follows and that leads nowhere, other than a dangling one, which it passes over. */
function obstructedAt(root: string, path: string): FoundImage | undefined {
  const obstacle = obstacleTo(root, path);
  if (obstacle === undefined) return undefined;
  return { name: basename(path), kind: 'obstructed', path, realPath: itselfBelow(root, path), obstacle };
}

function itselfBelow(root: string, path: string): string {
  return join(belowRoot(root, dirname(path)), basename(path));
}

function imageAt(root: string, path: string, wanted: Wanted): FoundImage | undefined {
  // Up to 259 the tool does not follow symbolic links below another root.
  const followsLinks = root === '/' || wanted.systemd.major >= 260;
  if (!followsLinks && linkStatus(itselfBelow(root, path))?.isSymbolicLink() === true) return undefined;
  return obstructedAt(root, path) ?? followedImage(root, path, wanted);
}

function followedImage(root: string, path: string, wanted: Wanted): FoundImage | undefined {
  const { major } = wanted.systemd;
  const found = placeOf(root, path);
  if (found?.kind !== 'directory') return found && named(basename(path), found, wanted);
  if (major >= 256 && path.endsWith('.v')) return versionIn(root, path, wanted);
  const isStack = major >= 260 && path.endsWith('.mstack');
  return isStack
    ? named(basename(path, '.mstack'), { ...found, kind: 'mstack' }, wanted)
    : named(basename(path), found, wanted);
}

/** What can be an image, before it has a name. */
type Place = Pick<FoundImage, 'path' | 'realPath'> & { readonly kind: Exclude<FoundImage['kind'], 'obstructed'> };

function placeOf(root: string, path: string): (Place & { readonly kind: 'raw' | 'directory' | 'block' }) | undefined {
  const realPath = belowRoot(root, path);
  const status = fileStatus(realPath);
  if (status?.isFile() === true) return { kind: 'raw', path, realPath };
  if (status?.isDirectory() === true) return { kind: 'directory', path, realPath };
  return status?.isBlockDevice() === true ? { kind: 'block', path, realPath } : undefined;
}

function named(entry: string, place: Place, { systemd, extensionClass }: Wanted): FoundImage | undefined {
  const kinds = { raw: 'file', directory: 'directory', mstack: 'directory', block: 'block' } as const;
  const name = imageNameOf(entry, kinds[place.kind], extensionClass, systemd.major);
  return name === undefined ? undefined : { name, ...place };
}

/** The image that a `.v` directory stands for (systemd.v(7)). */
function versionIn(root: string, directory: string, { systemd, extensionClass }: Wanted): FoundImage | undefined {
  const entries = listNames(belowRoot(root, directory)).flatMap((entry) => {
    const place = placeOf(root, `${directory}/${entry}`);
    return place === undefined ? [] : [{ entry, ...place }];
  });
  const picked = pickVersion(basename(directory), entries, {
    architecture: hostArchitecture(),
    systemd: systemd.major,
    extensionClass,
  });
  const place = entries.find(({ entry }) => entry === picked?.entry);
  const { name } = nameParts(basename(directory), extensionClass);
  if (place === undefined || !isImageName(name)) return undefined;
  const { entry, ...image } = place;
  // Up to 259 a raw image is judged by the name of its file.
  const base = basename(basename(entry, '.raw'), `.${extensionClass.name}`);
  const releaseName = image.kind === 'raw' && systemd.major < 260 ? base : name;
  return { name, ...image, releaseName };
}
