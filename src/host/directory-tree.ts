import fs from 'node:fs';

import { sortedByPath, kindOfMode, type ImageEntry } from '../core/image-entry.ts';
import { attempt } from './files.ts';

/** The entry at `path` below `root`; no part of the path may be a link. Undefined where there is nothing. */
export function entryBelow(root: string, path: string): ImageEntry | undefined {
  return describe(Buffer.from(root), Buffer.from(path));
}

/** Everything below a directory but itself, sorted by path; nothing is followed out of it. */
export function listTree(root: string): ImageEntry[] {
  const top = Buffer.from(root);
  const found: ImageEntry[] = [];
  const pending: Buffer[] = [Buffer.alloc(0)];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const name of namesOf(join(top, directory))) {
      const path = directory.length === 0 ? name : join(directory, name);
      const entry = describe(top, path);
      if (entry === undefined) continue;
      found.push(entry);
      if (entry.kind === 'directory') pending.push(path);
    }
  }
  return sortedByPath(found);
}

/** Names as their bytes: not all are UTF-8. */
function namesOf(directory: Buffer): Buffer[] {
  return attempt('list', directory.toString(), () => fs.readdirSync(directory, { encoding: 'buffer' }));
}

function join(directory: Buffer, name: Buffer): Buffer {
  return Buffer.concat([directory, Buffer.from('/'), name]);
}

function describe(root: Buffer, path: Buffer): ImageEntry | undefined {
  const place = join(root, path);
  return attempt('look at', place.toString(), () => {
    const status = fs.lstatSync(place, { throwIfNoEntry: false });
    const kind = status === undefined ? undefined : kindOfMode(status.mode);
    if (status === undefined || kind === undefined) return undefined;
    return {
      path: path.toString(),
      kind,
      mode: status.mode & 0o7777,
      uid: status.uid,
      gid: status.gid,
      size: status.size,
      mtime: Math.floor(status.mtimeMs / 1000),
      ...(kind === 'symlink' ? { target: fs.readlinkSync(place) } : {}),
    };
  });
}
