import fs from 'node:fs';
import { join } from 'node:path';

import { attempt, makeDirectory, rename } from './files.ts';
import { abandonedTemporaries, ownedTemporary } from './owned.ts';

/**
 * Puts files into a directory of someone else, so that at every instant each is either what it was or whole. It does not
 * wait for the disk: for what can be made again.
 */
export interface Delivery {
  copy(from: string, name: string): void;
  write(text: string, name: string): void;
}

/** Makes the directory where it is not there, and removes what killed processes left of their files in it. */
export function deliveryTo(directory: string): Delivery {
  makeDirectory(directory);
  for (const left of abandonedTemporaries(directory)) remove(left);
  const deliver = (name: string, make: (temporary: string) => void) => {
    const [path, temporary] = [join(directory, name), ownedTemporary(directory)];
    try {
      attempt('write', path, () => {
        make(temporary);
      });
      rename(temporary, path);
    } catch (error) {
      remove(temporary);
      throw error;
    }
  };
  const { COPYFILE_EXCL, COPYFILE_FICLONE } = fs.constants;
  return {
    copy: (from, name) => {
      deliver(name, (temporary) => {
        fs.copyFileSync(from, temporary, COPYFILE_EXCL | COPYFILE_FICLONE);
      });
    },
    write: (text, name) => {
      deliver(name, (temporary) => {
        fs.writeFileSync(temporary, text, { flag: 'wx' });
      });
    },
  };
}

function remove(path: string): void {
  attempt('remove', path, () => {
    fs.rmSync(path, { force: true });
  });
}
