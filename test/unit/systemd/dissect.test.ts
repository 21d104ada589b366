import { describe, expect, test } from 'vitest';

import { imageBytesOf } from '../../../src/host/image-bytes.ts';
import { checkBtrfsSize, copyArguments, copyError, isBtrfs } from '../../../src/systemd/dissect.ts';

/** The superblock of a btrfs of so many bytes. */
function btrfs(size: number) {
  const bytes = Buffer.alloc(0x11000);
  bytes.write('_BHRfS_M', 0x10040);
  bytes.writeBigUInt64LE(BigInt(size), 0x10070);
  return imageBytesOf('x.raw', bytes);
}

describe('a btrfs image', () => {
  test('is told by its signature', () => {
    expect(isBtrfs(btrfs(1))).toBe(true);
    expect(isBtrfs(imageBytesOf('x.raw', Buffer.alloc(0x11000)))).toBe(false);
    expect(isBtrfs(imageBytesOf('x.raw', Buffer.alloc(10)))).toBe(false);
  });

  test('that is shorter than it says is refused', () => {
    expect(() => {
      checkBtrfsSize(btrfs(1_000_000));
    }).toThrow('x.raw is truncated: its superblock promises 1000000 bytes, the file has 69632');
  });
});

/** Recorded of systemd-dissect 252. */
describe('what systemd-dissect says', () => {
  test.each([
    ['Failed to set up loopback device for x.raw: Permission denied', 'not-root'],
    ['Failed to set up loopback device for x.raw: No such file or directory', 'tool-failed'],
    ["x.raw: Couldn't identify a suitable partition table or file system.", 'invalid-image'],
  ])('%s', (stderr, code) => {
    expect(copyError('x.raw', stderr)).toMatchObject({ code, details: { facts: [stderr] } });
  });

  test('it gets the whole image to copy', () => {
    expect(copyArguments('x.raw', '/t')).toEqual(['--copy-from', 'x.raw', '/', '/t']);
  });
});
