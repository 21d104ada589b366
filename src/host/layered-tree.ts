import fs from 'node:fs';

import { followLinks } from '../core/links.ts';
import { attempt, linkStatus } from './files.ts';
import type { Exec } from './exec.ts';
import { directoriesWith } from './xattr.ts';

/** Directories that lie over each other as overlayfs does it (docs.kernel.org/filesystems/overlayfs.html). */
export interface Layers {
  /** The lowest first. */
  readonly lower: readonly string[];
  /** Takes what was changed: removed files are devices 0:0 there, replaced directories have an attribute. */
  readonly upper?: string | undefined;
  /** What is mounted over the tree, each with layers of its own. */
  readonly overlays?: readonly { readonly at: string; readonly lower: readonly string[] }[] | undefined;
}

export interface LayeredFile {
  readonly kind: 'file' | 'directory' | 'symlink' | 'other';
  /** `mode & 0o7777` */
  readonly mode: number;
  readonly size: number;
}

/**
 * A tree of layers that nobody mounts, as programs in it would see it: symbolic links are followed within the tree, and
 * none leads out of it, whoever made it. It must not change while it is looked at.
 */
export interface LayeredTree {
  /** What is at a path, the last link followed only with `follow`; undefined where there is nothing. */
  status(path: string, follow: boolean): LayeredFile | undefined;
  /** The target of the symbolic link at a path; undefined for what is none. */
  link(path: string): string | undefined;
  /** Where a path leads: an absolute path without links, also of what is not there; undefined for a loop of links. */
  real(path: string): string | undefined;
  /** What a file holds, links followed; undefined for what is none, and for one of more than `most` bytes. */
  read(path: string, most: number): Buffer | undefined;
}

export async function openLayers(layers: Layers, exec: Exec, signal?: AbortSignal): Promise<LayeredTree> {
  const { upper } = layers;
  const opaque =
    upper === undefined ? new Set<string>() : await directoriesWith(upper, 'user.overlay.opaque', exec, signal);
  return layeredTree(layers, opaque);
}

/** Something of the tree: the places of this host that it is made of, the uppermost first; one for what is no directory. */
interface Found {
  readonly places: readonly [string, ...string[]];
  readonly status: fs.Stats;
}

/** @param opaque the places of directories that hide what is below them. */
export function layeredTree({ lower, upper, overlays = [] }: Layers, opaque: ReadonlySet<string>): LayeredTree {
  const mounts = new Map(overlays.map(({ at, lower: layers }) => [partsOf(at).join('/'), layers.toReversed()]));
  const top = [...(upper === undefined ? [] : [upper]), ...lower.toReversed()];

  const at = (path: string): Found | undefined => {
    let found = union(mounts.get('') ?? top, opaque);
    const done: string[] = [];
    for (const part of partsOf(path)) {
      if (found?.status.isDirectory() !== true) return undefined;
      done.push(part);
      const places = mounts.get(done.join('/')) ?? found.places.map((place) => `${place}/${part}`);
      found = union(places, opaque);
    }
    return found;
  };
  const target = (path: string): string | undefined => {
    const found = at(path);
    if (found?.status.isSymbolicLink() !== true) return undefined;
    const [place] = found.places;
    return attempt('look at', place, () => fs.readlinkSync(place));
  };
  const follow = (path: string): Found | undefined => {
    const real = followLinks(path, target);
    return real === undefined ? undefined : at(real);
  };
  const withoutLast = (path: string): string | undefined => {
    const parts = partsOf(path);
    const directory = followLinks(parts.slice(0, -1).join('/'), target);
    return directory === undefined ? undefined : [directory, ...parts.slice(-1)].join('/');
  };
  return {
    status: (path, followed) => {
      const real = withoutLast(path);
      const found = followed ? follow(path) : real === undefined ? undefined : at(real);
      return found === undefined ? undefined : described(found.status);
    },
    link: (path) => {
      const real = withoutLast(path);
      return real === undefined ? undefined : target(real);
    },
    real: (path) => {
      const real = followLinks(path, target);
      return real === undefined ? undefined : `/${real}`;
    },
    read: (path, most) => {
      const found = follow(path);
      return found?.status.isFile() === true ? readFile(found.places[0], most) : undefined;
    },
  };
}

/**
 * What the same path of several layers is together. Of what is no directory the uppermost counts; directories are one, down
 * to the first that hides the others.
 */
function union(places: readonly string[], opaque: ReadonlySet<string>): Found | undefined {
  const directories: string[] = [];
  let first: fs.Stats | undefined;
  for (const place of places) {
    const status = linkStatus(place);
    if (status === undefined) continue;
    if (!status.isDirectory()) {
      if (first === undefined && !isWhiteout(status)) return { places: [place], status };
      break;
    }
    first ??= status;
    directories.push(place);
    if (opaque.has(place)) break;
  }
  const [highest, ...rest] = directories;
  return highest === undefined || first === undefined ? undefined : { places: [highest, ...rest], status: first };
}

function isWhiteout(status: fs.Stats): boolean {
  return status.isCharacterDevice() && status.rdev === 0;
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function described(status: fs.Stats): LayeredFile {
  return { kind: kindOf(status), mode: status.mode & 0o7777, size: status.size };
}

function kindOf(status: fs.Stats): LayeredFile['kind'] {
  if (status.isDirectory()) return 'directory';
  if (status.isSymbolicLink()) return 'symlink';
  return status.isFile() ? 'file' : 'other';
}

/** What was found to be a file is no link now either, and waits for nobody. */
function readFile(place: string, most: number): Buffer | undefined {
  return attempt('read', place, () => {
    const descriptor = fs.openSync(place, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK);
    try {
      return fs.fstatSync(descriptor).size > most ? undefined : fs.readFileSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
  });
}
