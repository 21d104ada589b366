import fs from 'node:fs';
import { userInfo } from 'node:os';

import { attempt } from './files.ts';

/** Gives a file or directory, but nothing below it, to a user and the group of the same number; no link is followed. */
export function giveTo(path: string, id: number): void {
  attempt('give away', path, () => {
    fs.lchownSync(path, id, id);
  });
}

/** The user that this process runs as; not every one has a name. */
export function ownUser(): { readonly uid: number; readonly name: string } {
  const uid = process.getuid?.() ?? 0;
  try {
    return { uid, name: userInfo().username };
  } catch {
    return { uid, name: '' };
  }
}
