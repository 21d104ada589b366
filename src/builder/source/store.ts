import { join } from 'node:path';

import { decodeJson, type JsonDecoder } from '../../core/json.ts';
import { hashOfFile, sha256 } from '../../host/digest.ts';
import { fileStatus, makeDirectory, readTextIfAny, removeTree, rename, writeAtomically } from '../../host/files.ts';
import type { FileHash } from '../../host/http.ts';

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
  /** Notes something that JSON can say. */
  remember(kind: string, thing: string, value: unknown): void;
}

/** @param cacheDirectory holds it in `sources`. */
export function openStore(cacheDirectory: string): SourceStore {
  const directory = join(cacheDirectory, 'sources');
  const pathOf = ({ algorithm, hex }: FileHash) => join(directory, algorithm, hex);
  const noteOf = (kind: string, thing: string) => join(directory, 'notes', kind, sha256(thing));
  return {
    pathOf,
    has: (hash) => {
      const path = pathOf(hash);
      if (fileStatus(path) === undefined) return false;
      const intact = hashOfFile(path, hash.algorithm) === hash.hex;
      if (!intact) removeTree(path);
      return intact;
    },
    adopt: (path, hex) => {
      const kept = pathOf({ algorithm: 'sha256', hex });
      makeDirectory(join(directory, 'sha256'));
      rename(path, kept);
      return kept;
    },
    note: (kind, thing, decoder) => {
      const text = readTextIfAny(noteOf(kind, thing));
      const decoded = text === undefined ? undefined : decodeJson(text, decoder);
      return decoded !== undefined && 'value' in decoded ? decoded.value : undefined;
    },
    remember: (kind, thing, value) => {
      makeDirectory(join(directory, 'notes', kind));
      writeAtomically(noteOf(kind, thing), JSON.stringify(value));
    },
  };
}
