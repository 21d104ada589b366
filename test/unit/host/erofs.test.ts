import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { AgentError } from '../../../src/core/errors.ts';
import { crc32c } from '../../../src/host/crc32c.ts';
import { isErofs } from '../../../src/host/erofs-format.ts';
import { openErofs } from '../../../src/host/erofs.ts';
import { inodeFinder, listFiles, namesIn } from '../../../src/host/file-system.ts';
import { imageBytesOf } from '../../../src/host/image-bytes.ts';
import { erofsSample, samples, type ErofsSample } from './erofs-samples.ts';

const strict = 'user.extension-release.strict';
const releases = 'usr/lib/extension-release.d';

function open(bytes: Buffer) {
  return openErofs(imageBytesOf('x.raw', bytes));
}

function read(bytes: Buffer, path: string): string | undefined {
  const erofs = open(bytes);
  const inode = inodeFinder(erofs)(path);
  const content = inode === undefined ? undefined : erofs.contentOf(inode);
  return content?.read(0, content.size).toString();
}

/** The image without the checksum of its superblock, so that a change is seen by what reads it. */
function unchecked(sample: ErofsSample): Buffer {
  const bytes = erofsSample(sample);
  bytes.writeUInt32LE(bytes.readUInt32LE(1032) & ~1, 1032);
  return bytes;
}

/** What goes wrong with an image that was changed at some places. */
function failureOf(bytes: Buffer): AgentError | undefined {
  try {
    listFiles(open(bytes));
    return undefined;
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}

describe('reading an erofs image', () => {
  test.each(samples)('%s: lists what went in', (sample) => {
    const entries = listFiles(open(erofsSample(sample)));
    const found = entries.map(({ path, kind, mode, target }) => [path, kind, mode.toString(8), target ?? '']);
    expect(found).toEqual([
      ['opt', 'directory', '755', ''],
      ['usr', 'directory', '755', ''],
      ['usr/bin', 'directory', '755', ''],
      ['usr/bin/fifo', 'fifo', '644', ''],
      ['usr/bin/jq', 'file', '4755', ''],
      ['usr/bin/link', 'symlink', '777', '/usr/bin/jq'],
      ['usr/bin/long', 'file', '644', ''],
      ['usr/bin/null', 'character-device', '644', ''],
      ['usr/lib', 'directory', '755', ''],
      [releases, 'directory', '755', ''],
      [`${releases}/extension-release.jq`, 'file', '644', ''],
      [`${releases}/extension-release.link`, 'symlink', '777', 'extension-release.other'],
      [`${releases}/extension-release.other`, 'file', '644', ''],
      ['usr/tmp', 'directory', '1777', ''],
    ]);
  });

  test.each(samples)('%s: knows sizes and times', (sample) => {
    const long = listFiles(open(erofsSample(sample))).find((entry) => entry.path === 'usr/bin/long');
    expect(long).toMatchObject({ size: 5000, mtime: 1_700_000_000 });
  });

  test('knows owners, in extended inodes and in compact ones', () => {
    const owner = (sample: ErofsSample) => {
      const jq = listFiles(open(erofsSample(sample))).find((entry) => entry.path === 'usr/bin/jq');
      return [jq?.uid, jq?.gid];
    };
    expect(owner('plain')).toEqual([1000, 1001]);
    expect(owner('compact')).toEqual([0, 0]);
  });

  test.each(samples.filter((sample) => sample !== 'packed'))('%s: reads short and long contents', (sample) => {
    expect(read(erofsSample(sample), `${releases}/extension-release.jq`)).toBe('ID=_any\n');
    expect(read(erofsSample(sample), 'usr/bin/long')).toBe('x'.repeat(5000));
  });

  test('leaves to others what is packed in fragments', () => {
    expect(read(erofsSample('packed'), `${releases}/extension-release.jq`)).toBeUndefined();
  });

  test.each(samples)('%s: reads attributes beside the inode and shared ones', (sample) => {
    const erofs = open(erofsSample(sample));
    const attribute = (path: string, name: string) => {
      const inode = inodeFinder(erofs)(path);
      return inode === undefined ? 'no file' : erofs.attribute(inode, name)?.toString();
    };
    expect(attribute(`${releases}/extension-release.jq`, strict)).toBe('false');
    expect(attribute(`${releases}/extension-release.other`, strict)).toBe('true');
    expect(attribute(`${releases}/extension-release.jq`, 'user.shared')).toBe('same');
    expect(attribute('usr/bin/jq', 'user.shared')).toBe('same');
    expect(attribute('usr/bin/jq', strict)).toBeUndefined();
    expect(attribute('usr/bin/long', strict)).toBeUndefined();
  });

  test.each(['nothing', 'usr/bin/jq/below', 'usr/bin/link/below', 'usr/bin/j', 'usr//bin'])('finds no %s', (path) => {
    expect(inodeFinder(open(erofsSample('plain')))(path)).toBeUndefined();
  });

  test('names what is in a directory, in order', () => {
    const erofs = open(erofsSample('plain'));
    const usr = inodeFinder(erofs)('usr');
    expect(usr === undefined ? [] : namesIn(erofs, usr)).toEqual(['bin', 'lib', 'tmp']);
  });
});

describe('a damaged erofs image', () => {
  test.each([0, 1, 1023, 1028, 1100, 1152, 2048, 4096, 8191])('cut to %i bytes is refused', (size) => {
    const bytes = erofsSample('plain').subarray(0, size);
    if (isErofs(imageBytesOf('x.raw', bytes))) expect(failureOf(bytes)?.code).toBe('invalid-image');
    else expect(size).toBeLessThan(1028);
  });

  test('says how much is missing', () => {
    expect(failureOf(erofsSample('plain').subarray(0, 5000))?.message).toBe(
      'x.raw is truncated: its superblock promises 8192 bytes, the file has 5000',
    );
  });

  test('is found by the checksum of its superblock', () => {
    const bytes = erofsSample('plain');
    bytes.writeUInt8(1, 1024 + 64);
    expect(failureOf(bytes)?.message).toBe('x.raw is damaged: the checksum of its superblock does not match');
  });

  test('a directory inside itself is refused', () => {
    const bytes = unchecked('plain');
    const root = bytes.readUInt16LE(1024 + 14);
    const at = bytes.indexOf(Buffer.from('fifojqlink')) - 7 * 12 - '...'.length;
    bytes.writeBigUInt64LE(BigInt(root), at + 2 * 12);
    expect(failureOf(bytes)?.message).toMatch(/the directory usr\/bin\/fifo has a second name/);
  });

  test.each([
    ['two names that are equal', 'linklong', 'longlong', /a directory has long after long/],
    ['names out of order', 'fifojqlink', 'zifojqlink', /a directory has jq after zifo/],
    ['a name with a slash', 'fifojqlink', 'f/fojqlink', /a slash or NUL/],
    ['a name with NUL', 'fifojqlink', 'f\0fojqlink', /a slash or NUL/],
  ])('%s', (_title, from, to, message) => {
    const bytes = unchecked('plain');
    bytes.write(to, bytes.indexOf(from), 'latin1');
    expect(failureOf(bytes)?.message).toMatch(message);
  });

  test('features that are newer than this reader are told, not guessed at', () => {
    const bytes = unchecked('plain');
    bytes.writeUInt32LE(0x100, 1024 + 80);
    expect(open(bytes).superblock.unknownFeatures).toBe(0x100);
  });

  test('prefixes of attribute names are told, whether or not the features say so', () => {
    const bytes = unchecked('plain');
    bytes.writeUInt8(1, 1024 + 91);
    expect(open(bytes).superblock.unknownFeatures).toBe(0x40);
  });

  test.each(samples)('%s: whatever bytes are changed, it is read or refused', (sample) => {
    const original = unchecked(sample);
    const change = fc.tuple(fc.integer({ min: 1028, max: original.length - 1 }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 12 }), (changes) => {
        const bytes = Buffer.from(original);
        for (const [at, value] of changes) bytes.writeUInt8(value, at);
        exercise(bytes);
      }),
      { numRuns: 1000 },
    );
  });

  test('whatever its inodes say, it is read or refused', () => {
    const original = unchecked('plain');
    const slots = (original.length - 1152) / 32;
    const field = fc.tuple(
      fc.integer({ min: 0, max: slots - 1 }),
      fc.constantFrom(0, 2, 4, 8, 12, 16),
      fc.constantFrom(0, 1, 5, 9, 0x7f, 0xff, 0x41ed, 0x7fff, 0xffff),
    );
    fc.assert(
      fc.property(fc.array(field, { minLength: 1, maxLength: 4 }), (fields) => {
        const bytes = Buffer.from(original);
        for (const [slot, offset, value] of fields) bytes.writeUInt16LE(value, 1152 + slot * 32 + offset);
        exercise(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

/** Reads everything there is; anything but an error of ours fails the test. */
function exercise(bytes: Buffer): void {
  const erofs = tryTo(() => open(bytes));
  if (erofs === undefined) return;
  for (const entry of tryTo(() => listFiles(erofs)) ?? []) {
    tryTo(() => {
      const inode = inodeFinder(erofs)(entry.path);
      if (inode === undefined) return;
      erofs.attribute(inode, strict);
      const content = erofs.contentOf(inode);
      content?.read(0, Math.min(content.size, 100_000));
    });
  }
}

function tryTo<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    expect(error).toMatchObject({ code: 'invalid-image' });
    return undefined;
  }
}

test('the checksum is CRC-32C without the last inversion', () => {
  // The check value of CRC-32C for these digits is e3069283 (RFC 3720, B.4 has the polynomial).
  expect((~crc32c(Buffer.from('123456789')) >>> 0).toString(16)).toBe('e3069283');
});
