import { join } from 'node:path';

import { decodeJson, type JsonDecoder } from '../../core/json.ts';
import { hashOfFile, sha256 } from '../../host/digest.ts';
import {
  fileStatus,
  listNames,
  makeDirectory,
  readTextIfAny,
  removeTree,
  rename,
  touch,
  writeAtomically,
} from '../../host/files.ts';
import type { FileHash } from '../../host/http.ts';
import { removeOld } from '../../host/leftovers.ts';

/** What was fetched for sources: files by their hashes, and what was found out about things that have other names. */
export interface SourceStore {
  /** Where a file with this hash is, or belongs. */
  pathOf(hash: FileHash): string;
  /** Whether it is there. One that is not what its name says is removed. */
  has(hash: FileHash): boolean;
  /** Takes over a file of which the sha256 is known, and returns where it is now. */
  adopt(path: string, sha256: string): string;
  /** What was noted about a thing; undefined where nothing was, or what cannot be read. */
  note<T>(kind: string, thing: string, decoder: JsonDecoder<T>): T | undefined;
  /** All that is noted of a kind. */
  notes<T>(kind: string, decoder: JsonDecoder<T>): readonly T[];
  /** Notes something that JSON can say. */
  remember(kind: string, thing: string, value: unknown): void;
  /** Removes the files and notes that nobody asked for in a month. */
  sweep(now: Date): void;
}

/** In days; no build takes so long. */
const longestUnused = 30;

/** @param cacheDirectory holds it in `sources`. */
export function openStore(cacheDirectory: string): SourceStore {
  const directory = join(cacheDirectory, 'sources');
  const pathOf = ({ algorithm, hex }: FileHash) => join(directory, algorithm, hex);
  const notesOf = (kind: string) => join(directory, 'notes', kind);
  const noteOf = (kind: string, thing: string) => join(notesOf(kind), sha256(thing));
  return {
    pathOf,
    has: (hash) => {
      const path = pathOf(hash);
      if (fileStatus(path) === undefined) return false;
      const intact = hashOfFile(path, hash.algorithm) === hash.hex;
      if (intact) touch(path);
      else removeTree(path);
      return intact;
    },
    adopt: (path, hex) => {
      const kept = pathOf({ algorithm: 'sha256', hex });
      makeDirectory(join(directory, 'sha256'));
      rename(path, kept);
      return kept;
    },
    note: (kind, thing, decoder) => {
      const path = noteOf(kind, thing);
      const value = readNote(path, decoder);
      if (value !== undefined) touch(path);
      return value;
    },
    notes: (kind, decoder) =>
      listNames(notesOf(kind)).flatMap((name) => readNote(join(notesOf(kind), name), decoder) ?? []),
    remember: (kind, thing, value) => {
      makeDirectory(notesOf(kind));
      writeAtomically(noteOf(kind, thing), JSON.stringify(value));
    },
    sweep: (now) => {
      const kinds = listNames(join(directory, 'notes')).map(notesOf);
      const files = hashAlgorithms.map((algorithm) => join(directory, algorithm));
      for (const place of [...kinds, ...files]) removeOld(place, now, longestUnused);
    },
  };
}

const hashAlgorithms = ['sha256', 'sha384', 'sha512'] as const satisfies readonly FileHash['algorithm'][];

function readNote<T>(path: string, decoder: JsonDecoder<T>): T | undefined {
  const text = readTextIfAny(path);
  const decoded = text === undefined ? undefined : decodeJson(text, decoder);
  return decoded !== undefined && 'value' in decoded ? decoded.value : undefined;
}
