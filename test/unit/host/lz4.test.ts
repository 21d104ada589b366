import { execFileSync } from 'node:child_process';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decompressLz4 } from '../../../src/host/lz4.ts';

const block = (...bytes: readonly number[]) => Uint8Array.from(bytes);

describe('a block of LZ4', () => {
  test.each([
    ['literals only', block(0x30, 97, 98, 99), 3, 'abc'],
    ['a match that runs into itself', block(0x12, 97, 1, 0, 0), 7, 'aaaaaaa'],
    ['a match of three bytes, repeated', block(0x36, 97, 98, 99, 3, 0), 13, 'abcabcabcabca'],
    ['a long count of literals', block(0xf0, 1, ...Array<number>(16).fill(120)), 16, 'x'.repeat(16)],
    ['a long match', block(0x1f, 97, 1, 0, 255, 2), 277, 'a'.repeat(277)],
    ['no more than what is asked for', block(0x1f, 97, 1, 0, 255, 2), 5, 'aaaaa'],
    ['what follows is not looked at', block(0x30, 97, 98, 99, 1, 2, 3), 3, 'abc'],
    ['nothing', block(), 0, ''],
  ])('%s', (_title, input, size, text) => {
    expect(decompressLz4(input, size)?.toString()).toBe(text);
  });

  test.each([
    ['no input', block(), 1],
    ['literals that are not there', block(0x30, 97), 3],
    ['no distance', block(0x10, 97), 5],
    ['half a distance', block(0x10, 97, 1), 5],
    ['a distance of zero', block(0x10, 97, 0, 0), 5],
    ['a distance to before the beginning', block(0x10, 97, 2, 0), 5],
    ['a length without end', block(0xf0, 255, 255), 1000],
    ['an end before the size', block(0x30, 97, 98, 99), 4],
  ])('is refused: %s', (_title, input, size) => {
    expect(decompressLz4(input, size)).toBeUndefined();
  });

  test('whatever the input, the answer is of the size or none', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 5000 }), (input, size) => {
        const output = decompressLz4(input, size);
        expect(output === undefined || output.length === size).toBe(true);
      }),
      { numRuns: 5000 },
    );
  });

  test('of the program lz4 gives back what went in', () => {
    const piece = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 200 }));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const bytes = Buffer.concat(pieces.flatMap(([part, times]) => Array<Uint8Array>(times).fill(part)));
        expect(decompressFrame(execFileSync('lz4', ['-c', '-9', '-B7', '--no-frame-crc'], { input: bytes }))).toEqual(
          bytes,
        );
      }),
      { numRuns: 40 },
    );
  });
});

/** The content of a frame of one block at most, whose size is found by trying. */
function decompressFrame(frame: Buffer): Buffer {
  const size = frame.readUInt32LE(7);
  const [length, isPlain] = [size & 0x7fffffff, size >>> 31 === 1];
  if (length === 0) return Buffer.alloc(0);
  const data = frame.subarray(11, 11 + length);
  if (isPlain) return Buffer.from(data);
  let [low, high] = [0, 400_000];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (decompressLz4(data, middle) === undefined) high = middle - 1;
    else low = middle;
  }
  return decompressLz4(data, low) ?? Buffer.alloc(0);
}
