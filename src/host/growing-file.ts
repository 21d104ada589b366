import { createHash } from 'node:crypto';
import fs from 'node:fs';

import { attempt } from './files.ts';

/** A file that grows by pieces which are hashed on their way. */
export interface GrowingFile extends Disposable {
  /** In bytes. */
  readonly size: number;
  append(piece: Uint8Array): void;
  /** The sha256 of what it has, in hexadecimal. */
  digest(): string;
}

export function createFile(path: string): GrowingFile {
  const descriptor = attempt('create', path, () => fs.openSync(path, 'wx', 0o644));
  const hash = createHash('sha256');
  let size = 0;
  return {
    get size() {
      return size;
    },
    append: (piece) => {
      attempt('write', path, () => {
        for (let done = 0; done < piece.length;) done += fs.writeSync(descriptor, piece, done);
      });
      hash.update(piece);
      size += piece.length;
    },
    digest: () => hash.copy().digest('hex'),
    [Symbol.dispose]: () => {
      fs.closeSync(descriptor);
    },
  };
}
