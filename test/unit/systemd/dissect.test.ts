import { describe, expect, test } from 'vitest';

import { imageBytesOf } from '../../../src/host/image-bytes.ts';
import { checkDiskSize, copyArguments, copyError, diskKind } from '../../../src/systemd/dissect.ts';

function image(size: number, ...parts: readonly [at: number, bytes: Uint8Array][]) {
  const bytes = Buffer.alloc(size);
  for (const [at, part] of parts) bytes.set(part, at);
  return imageBytesOf('x.raw', bytes);
}

function number64(value: number): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

const gpt = Buffer.from('EFI PART');
const ext4 = Buffer.of(0x53, 0xef);
const btrfs = Buffer.from('_BHRfS_M');

describe('a disk image', () => {
  test.each([
    ['GPT', image(1024, [512, gpt])],
    ['GPT', image(8192, [4096, gpt])],
    ['ext4', image(4096, [1080, ext4])],
    ['btrfs', image(0x11000, [0x10040, btrfs])],
    [undefined, image(4096)],
    [undefined, image(10)],
  ])('is told by its signature: %s', (kind, bytes) => {
    expect(diskKind(bytes)).toBe(kind);
  });

  test.each([
    ['GPT' as const, image(4096, [512, gpt], [544, number64(99)]), 51_200],
    ['GPT' as const, image(8192, [4096, gpt], [4128, number64(9)]), 40_960],
    ['ext4' as const, image(4096, [1028, number64(100)], [1080, ext4]), 102_400],
    ['btrfs' as const, image(0x11000, [0x10040, btrfs], [0x10070, number64(1_000_000)]), 1_000_000],
  ])('%s that is shorter than it says is refused', (kind, bytes, promised) => {
    expect(() => {
      checkDiskSize(bytes, kind);
    }).toThrow(`x.raw is truncated: its superblock promises ${promised} bytes, the file has ${bytes.size}`);
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
