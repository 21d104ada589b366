import { describe, expect, test } from 'vitest';

import { extractArguments, listArguments, parseListing, parseMode, checkSquashfs } from '../../../src/host/squashfs.ts';
import { imageBytesOf } from '../../../src/host/image-bytes.ts';

/** Recorded of unsquashfs 4.5.1 (Debian 12) and 4.6.1 (Debian 13), which print the same. */
const recorded = `drwxr-xr-x 0/0                      37 2023-11-14 22:13 NONCE
drwxr-xr-x 0/0                       3 2023-11-14 22:13 NONCE/opt
drwxr-xr-x 0/0                     110 2023-11-14 22:13 NONCE/usr
-rw-r--r-- 0/0                       1 2023-11-14 22:13 NONCE/usr/a b
-rwsr-xr-x 1000/1001           3145728 2023-11-14 22:13 NONCE/usr/big
prw-r--r-- 0/0                       0 2023-11-14 22:13 NONCE/usr/fifo
lrwxrwxrwx 0/0                       6 2023-11-14 22:13 NONCE/usr/l -> k -> a -> b
-rw-r--r-- 0/0                       1 2023-11-14 22:13 NONCE/usr/n
l
crw-r--r-- 0/0                   1,  3 2023-11-14 22:13 NONCE/usr/null
drwxrwxrwt 0/0                       3 2023-11-14 22:13 NONCE/usr/tmp
`;

describe('what unsquashfs lists', () => {
  test('is read whatever the names hold', () => {
    const entries = parseListing(recorded, 'NONCE') ?? [];
    expect(entries.map(({ path, kind, mode, size, target }) => [path, kind, mode.toString(8), size, target])).toEqual([
      ['opt', 'directory', '755', 3, undefined],
      ['usr', 'directory', '755', 110, undefined],
      ['usr/a b', 'file', '644', 1, undefined],
      ['usr/big', 'file', '4755', 3145728, undefined],
      ['usr/fifo', 'fifo', '644', 0, undefined],
      ['usr/l -> k', 'symlink', '777', 6, 'a -> b'],
      ['usr/n\nl', 'file', '644', 1, undefined],
      ['usr/null', 'character-device', '644', 0, undefined],
      ['usr/tmp', 'directory', '1777', 3, undefined],
    ]);
    expect(entries[3]).toMatchObject({ uid: 1000, gid: 1001, mtime: 1_699_999_980 });
  });

  test('a name that looks like a line of its own is a name', () => {
    const name = 'x\n-rwsr-xr-x 0/0 1 2023-11-14 22:13 squashfs-root/usr/y';
    const listing = `drwxr-xr-x 0/0 3 2023-11-14 22:13 NONCE\n-rw-r--r-- 0/0 1 2023-11-14 22:13 NONCE/${name}\n`;
    expect(parseListing(listing, 'NONCE')?.map((entry) => entry.path)).toEqual([name]);
  });

  test('a target with a line break and an arrow', () => {
    const listing = 'drwxr-xr-x 0/0 3 2023-11-14 22:13 N\nlrwxrwxrwx 0/0 8 2023-11-14 22:13 N/a -> b -> c\nd -> e\n';
    expect(parseListing(listing, 'N')).toMatchObject([{ path: 'a -> b', target: 'c\nd -> e' }]);
  });

  test.each(['', 'Parallel unsquashfs: Using 2 processors\n'])('%j is none', (text) => {
    expect(parseListing(text, 'NONCE')).toBeUndefined();
  });

  test('an image without anything has no entries', () => {
    expect(parseListing('drwxr-xr-x 0/0 3 2023-11-14 22:13 N\n', 'N')).toEqual([]);
  });
});

test.each([
  ['rwxr-xr-x', 0o755],
  ['rwsr-xr-x', 0o4755],
  ['rwSr--r--', 0o4644],
  ['rwxr-sr-x', 0o2755],
  ['rwxrwxrwt', 0o1777],
  ['rwxrwxrwT', 0o1776],
  ['---------', 0],
])('%s', (permissions, mode) => {
  expect(parseMode(permissions)).toBe(mode);
});

test('the programs get their arguments', () => {
  expect(listArguments({ path: '/x.raw', offset: 0 }, 'N')).toEqual(['-lln', '-dest', 'N', '/x.raw']);
  expect(extractArguments({ path: '/x.raw', offset: 4096 }, ['usr/a'], '/t')).toEqual([
    ...['-quiet', '-no-progress', '-no-wildcards', '-user-xattrs', '-force', '-offset', '4096'],
    ...['-dest', '/t', '/x.raw', 'usr/a'],
  ]);
});

describe('the superblock', () => {
  function superblock(version: number, used: bigint): Buffer {
    const bytes = Buffer.alloc(96);
    bytes.write('hsqs');
    bytes.writeUInt16LE(version, 28);
    bytes.writeBigUInt64LE(used, 40);
    return bytes;
  }
  const check = (bytes: Buffer) => {
    checkSquashfs(imageBytesOf('x.raw', bytes));
  };

  test('of a whole image is accepted', () => {
    expect(() => {
      check(superblock(4, 96n));
    }).not.toThrow();
  });

  test.each([
    [
      'shorter than it says',
      superblock(4, 1000n),
      'x.raw is truncated: its superblock promises 1000 bytes, the file has 96',
    ],
    ['of another version', superblock(3, 96n), 'x.raw is damaged: it says it is squashfs 3, and Linux reads 4 only'],
    ['cut in its superblock', Buffer.from('hsqs'), 'x.raw is damaged: it refers to 96 bytes at 0, and has 4'],
  ])('%s', (_title, bytes, message) => {
    expect(() => {
      check(bytes);
    }).toThrow(message);
  });
});
