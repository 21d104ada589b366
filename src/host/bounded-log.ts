import fs from 'node:fs';
import { dirname } from 'node:path';

import { attempt, makeDirectory } from './files.ts';

/** A file that is written as things happen, and stays of a size that does no harm. */
export interface BoundedLog extends Disposable {
  readonly path: string;
  write(piece: Uint8Array | string): void;
}

/**
 * Makes the file. Of what is written the beginning is kept, up to half of `most` bytes, and the end: what was between them
 * is counted.
 */
export function openBoundedLog(path: string, most: number): BoundedLog {
  makeDirectory(dirname(path));
  const descriptor = attempt('create', path, () => fs.openSync(path, 'a', 0o644));
  const half = Math.floor(most / 2);
  let [written, left, kept] = [0, 0, 0];
  const end: Buffer[] = [];
  const put = (bytes: Uint8Array) => {
    attempt('write', path, () => {
      for (let done = 0; done < bytes.length;) done += fs.writeSync(descriptor, bytes, done);
    });
  };
  return {
    path,
    write: (piece) => {
      const bytes = Buffer.from(piece);
      const fits = bytes.subarray(0, Math.max(0, half - written));
      put(fits);
      written += fits.length;
      const rest = bytes.subarray(fits.length);
      if (rest.length === 0) return;
      end.push(rest);
      kept += rest.length;
      for (let first = end[0]; first !== undefined && kept - first.length >= half; first = end[0]) {
        end.shift();
        kept -= first.length;
        left += first.length;
      }
    },
    [Symbol.dispose]: () => {
      if (left > 0) put(Buffer.from(`\n... ${left} bytes are left out here ...\n`));
      for (const piece of end) put(piece);
      fs.closeSync(descriptor);
    },
  };
}
