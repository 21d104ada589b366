import { createHash } from 'node:crypto';
import fs from 'node:fs';

import type { AgentError } from '../core/errors.ts';
import { attempt, removeTree } from './files.ts';

/** A new file that pieces are added to, hashed as it grows. */
export interface GrowingFile {
  /** @throws AgentError `disk-full`, and what `tooLarge` makes. */
  readonly add: (piece: Uint8Array) => void;
  /** Closes it. @returns its sha256, in hexadecimal. */
  finish(): string;
  /** Closes and removes it. */
  discard(): void;
}

export function createFile(
  path: string,
  limit: { readonly bytes: number; readonly tooLarge: () => AgentError },
): GrowingFile {
  const descriptor = attempt('create', path, () => fs.openSync(path, 'wx', 0o644));
  const hash = createHash('sha256');
  let size = 0;
  return {
    add: (piece) => {
      size += piece.length;
      if (size > limit.bytes) throw limit.tooLarge();
      hash.update(piece);
      attempt('write', path, () => {
        for (let written = 0; written < piece.length;) written += fs.writeSync(descriptor, piece, written);
      });
    },
    finish: () => {
      fs.closeSync(descriptor);
      return hash.digest('hex');
    },
    discard: () => {
      fs.closeSync(descriptor);
      removeTree(path);
    },
  };
}
