import { execFileSync } from 'node:child_process';

import type { ImageEntry } from '../../../src/core/image-entry.ts';

/**
 * What other programs say is in an image, one line a file: `- 0755 0:0 12 usr/bin/jq`. Directories have no size, which
 * is each file system's own.
 */

function output(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

interface Listed {
  readonly letter: string;
  readonly mode: number;
  readonly owner: string;
  readonly size: string | number;
  readonly path: string;
}

function listedLine({ letter, mode, owner, size, path }: Listed): string {
  const bytes = letter === 'd' ? '' : String(size);
  return [letter, mode.toString(8).padStart(4, '0'), owner, bytes, path].join(' ');
}

const letters: Readonly<Record<ImageEntry['kind'], string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  'character-device': 'c',
  'block-device': 'b',
  fifo: 'p',
  socket: 's',
};

/** The same of what we say. */
export function entryLines(entries: readonly ImageEntry[]): string[] {
  return entries
    .map(({ kind, mode, uid, gid, size, path }) =>
      listedLine({ letter: letters[kind], mode, owner: `${uid}:${gid}`, size, path }),
    )
    .sort();
}

/** What lies below a directory, by find(1). */
export function findLines(root: string): string[] {
  const found = output('find', root, '-mindepth', '1', '-printf', '%y %m %U:%G %s %P\\n').trimEnd().split('\n');
  return found
    .map((line) => {
      const [type = '', mode = '', owner = '', size = '', path = ''] = line.split(' ');
      return listedLine({ letter: type === 'f' ? '-' : type, mode: Number.parseInt(mode, 8), owner, size, path });
    })
    .sort();
}

const fileTypes: Readonly<Record<string, string>> = { 1: 'p', 2: 'c', 4: 'd', 6: 'b', 8: '-', 10: 'l', 12: 's' };

/** What is in an ext4 image: `debugfs -R 'ls -p DIR'` prints `/inode/mode/uid/gid/name/size/`. */
export function debugfsLines(image: string): string[] {
  const found: string[] = [];
  const pending = [''];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const line of output('debugfs', '-R', `ls -p "/${directory}"`, image).split('\n')) {
      const [, , octal = '', uid, gid, name = '', size = ''] = line.split('/');
      if (name === '' || name === '.' || name === '..') continue;
      const path = directory === '' ? name : `${directory}/${name}`;
      const mode = Number.parseInt(octal, 8);
      const letter = fileTypes[mode >> 12] ?? '?';
      if (letter === 'd') pending.push(path);
      found.push(listedLine({ letter, mode: mode & 0o7777, owner: `${uid}:${gid}`, size, path }));
    }
  }
  return found.sort();
}

/** What is in a squashfs image: `unsquashfs -lln` prints as ls(1) does. */
export function unsquashfsLines(image: string): string[] {
  return output('unsquashfs', '-lln', '-dest', '', image)
    .split('\n')
    .flatMap((line) => {
      const [permissions = '', owner = '', size = '', , , path = ''] = line.split(/ +/);
      if (!path.startsWith('/')) return [];
      const letter = permissions.charAt(0);
      return [
        listedLine({
          letter,
          mode: modeOf(permissions.slice(1)),
          owner: owner.replace('/', ':'),
          size,
          path: path.slice(1),
        }),
      ];
    })
    .sort();
}

/** `rwsr-x---`: what stands for a bit is its letter, in lower case where it can be executed as well. */
function modeOf(letters: string): number {
  const bits = Array.from(letters, (letter) => (/[rwxst]/.test(letter) ? 1 : 0)).join('');
  const special = [2, 5, 8].map((at) => (/[sStT]/.test(letters.charAt(at)) ? 1 : 0)).join('');
  return Number.parseInt(special + bits, 2);
}
