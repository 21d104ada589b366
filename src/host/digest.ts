import { createHash } from 'node:crypto';
import fs from 'node:fs';

import { createContentReader, type Range } from './content.ts';
import { attempt, piecesOf } from './files.ts';
import type { HashAlgorithm } from './part-file.ts';

/** The sha256 of what is in memory, in hexadecimal. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/** The sha256 of a file in hexadecimal, read in pieces. */
export function sha256OfFile(path: string): string {
  return hashOfFile(path, 'sha256');
}

/** The hash of a file in hexadecimal, read in pieces. */
export function hashOfFile(path: string, algorithm: HashAlgorithm): string {
  return attempt('read', path, () => {
    const hash = createHash(algorithm);
    for (const piece of piecesOf(path)) hash.update(piece);
    return hash.digest('hex');
  });
}

/**
 * Copies a file and makes the copy durable, hashing what is written: the hash is of the bytes of the copy, whatever
 * happens to the source meanwhile.
 * @returns the sha256 in hexadecimal and the size in bytes.
 */
export function copyHashed(from: string, to: string, mode = 0o644): { sha256: string; size: number } {
  return attempt('copy to', to, () => {
    const hash = createHash('sha256');
    const descriptor = fs.openSync(to, 'wx', mode);
    let size = 0;
    try {
      for (const piece of piecesOf(from)) {
        hash.update(piece);
        size += piece.length;
        for (let written = 0; written < piece.length;) written += fs.writeSync(descriptor, piece, written);
      }
      fs.fsyncSync(descriptor);
    } finally {
      fs.closeSync(descriptor);
    }
    return { sha256: hash.digest('hex'), size };
  });
}

/**
 * Gives a file another name, which is durable with all of its content, and hashes it.
 * @returns the sha256 in hexadecimal and the size in bytes.
 */
export function linkHashed(from: string, to: string): { sha256: string; size: number } {
  return attempt('link to', to, () => {
    fs.linkSync(from, to);
    const descriptor = fs.openSync(to, 'r');
    try {
      fs.fsyncSync(descriptor);
      return { sha256: sha256OfFile(to), size: fs.fstatSync(descriptor).size };
    } finally {
      fs.closeSync(descriptor);
    }
  });
}

/** The sha256 of a part of a file, in hexadecimal. */
export function sha256OfRange(range: Range): string {
  const hash = createHash('sha256');
  using reader = createContentReader();
  reader.forEachPiece({ kind: 'range', ...range }, (piece) => hash.update(piece));
  return hash.digest('hex');
}
