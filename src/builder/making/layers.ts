import { join } from 'node:path';

import {
  fileStatus,
  makeDirectory,
  readTextIfAny,
  removeTree,
  rename,
  temporaryBeside,
  touch,
  writeAtomically,
} from '../../host/files.ts';
import { oldNames } from '../../host/leftovers.ts';
import { makeOwnedDirectory } from '../../host/owned.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';

/** Layers that lie over each other, of the first steps of a build. */
export interface Stack {
  /** The lowest first. */
  readonly layers: readonly string[];
  /** How many steps are in them. */
  readonly steps: number;
}

/** A layer that is being made, in a directory that nobody else has. */
export interface FreshLayer {
  /** Where it grows. */
  readonly layer: string;
  /**
   * Keeps it as what leads from one key to another. Where another process was first, that one is kept.
   * @returns where it is now.
   */
  keep(from: string, to: string): Promise<string>;
  /** Throws it away; after keep() there is nothing to do. */
  discard(): Promise<void>;
}

/** The layers that are kept: `<directory>/<key>/layer`, with the key that it lies on in `<directory>/<key>/from`. */
export interface LayerStore {
  /** The kept layers of as many of the first steps as there are. */
  stackOf(first: string, keysAfter: readonly string[]): Stack;
  /** @param replace whether a layer of the same key gives way to it. */
  begin(replace: boolean): FreshLayer;
  /** Removes what was not used for weeks. */
  sweep(now: Date): Promise<void>;
}

/** In days; what is used is not older than a build takes. */
const longestUnused = 14;

export function layerStore(directory: string, sandbox: Pick<Sandbox, 'removeLayer'>): LayerStore {
  const placeOf = (key: string) => join(directory, key);
  const pathOf = (key: string) => join(placeOf(key), 'layer');
  const remove = async (path: string): Promise<void> => {
    await sandbox.removeLayer(path);
    removeTree(path);
  };
  return {
    stackOf: (first, keysAfter) => {
      const { way, steps } = longestWay(directory, first, keysAfter);
      for (const key of way) touch(placeOf(key));
      return { layers: way.map(pathOf), steps };
    },
    begin: (replace) => {
      // What programs leave may be setuid to the users of sandboxes: nobody else is to reach it.
      makeDirectory(directory, 0o700);
      const fresh = makeOwnedDirectory(directory);
      const discard = async () => {
        if (fileStatus(fresh) !== undefined) await remove(fresh);
      };
      return {
        layer: join(fresh, 'layer'),
        discard,
        keep: async (from, to) => {
          writeAtomically(join(fresh, 'from'), from);
          if (replace && fileStatus(placeOf(to)) !== undefined) putAway(placeOf(to));
          if (!isPlaced(fresh, placeOf(to))) await discard();
          return pathOf(to);
        },
      };
    },
    sweep: async (now) => {
      for (const name of oldNames(directory, now, longestUnused, isKey)) await remove(putAway(placeOf(name)));
    },
  };
}

/** From the first key to the last one that there is a way to: the keys of the layers on it. */
function longestWay(
  directory: string,
  first: string,
  keysAfter: readonly string[],
): { readonly way: readonly string[]; readonly steps: number } {
  for (let steps = keysAfter.length; steps > 0; steps--) {
    const way = wayTo(directory, first, keysAfter[steps - 1] ?? '');
    if (way !== undefined) return { way, steps };
  }
  return { way: [], steps: 0 };
}

/** Down from a key to the first one; undefined where a layer is missing on the way. */
function wayTo(directory: string, first: string, key: string): readonly string[] | undefined {
  const way: string[] = [];
  for (let at = key; at !== first;) {
    const from = readTextIfAny(join(directory, at, 'from'));
    if (from === undefined || way.includes(at)) return undefined;
    way.unshift(at);
    at = from;
  }
  return way;
}

/** Out of the way at once, whoever uses it; removeLeftBehind() removes it when nobody can any more. */
function putAway(path: string): string {
  const away = temporaryBeside(path);
  touch(path);
  rename(path, away);
  return away;
}

/** Renames one directory to the place of another, unless something is there; another process may be just as far. */
function isPlaced(from: string, to: string): boolean {
  if (fileStatus(to) !== undefined) return false;
  try {
    rename(from, to);
    return true;
  } catch (error) {
    if (fileStatus(to) === undefined) throw error;
    return false;
  }
}

function isKey(name: string): boolean {
  return /^[0-9a-f]{32}$/.test(name);
}
