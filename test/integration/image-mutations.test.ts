import fs from 'node:fs';
import { join } from 'node:path';

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AgentError } from '../../src/core/errors.ts';
import { openExt4 } from '../../src/host/ext4.ts';
import { listFiles } from '../../src/host/file-system.ts';
import { isGpt, readPartitions } from '../../src/host/gpt.ts';
import { imageBytesOf, sliceOf } from '../../src/host/image-bytes.ts';
import { ext4Options, makeExt4, makeGpt, makeSmallTree } from '../support/images.ts';

/** Spoiled images of ext4 and GPT: they are read or refused, and never more than that. */

const work = fs.mkdtempSync('/var/tmp/image-mutations-');
const at = (name: string) => join(work, name);
const layouts = ['usual', 'oldMaps', 'inline'] as const;

beforeAll(() => {
  makeSmallTree(at('tree'));
  for (const name of layouts) makeExt4(at(name), at('tree'), ext4Options[name] ?? [8192]);
  makeGpt(at('gpt'), at('usual'), '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709');
});

afterAll(() => {
  fs.rmSync(work, { recursive: true, force: true });
});

type Change = readonly [place: number, value: number];

/** Runs `read` on the bytes with these changes made, which are then undone. */
function withChanges<T>(bytes: Buffer, changes: readonly Change[], read: () => T): T {
  const before = changes.map(([place]) => [place, bytes.readUInt8(place)] as const);
  for (const [place, value] of changes) bytes.writeUInt8(value, place);
  try {
    return read();
  } finally {
    for (const [place, value] of [...before].reverse()) bytes.writeUInt8(value, place);
  }
}

/** What comes of reading: anything but a refusal is thrown on. */
function outcome(read: () => unknown): 'read' | 'refused' {
  try {
    read();
    return 'read';
  } catch (error) {
    if (error instanceof AgentError && error.code === 'invalid-image') return 'refused';
    throw error;
  }
}

/** The first places where there is anything: that is what describes an image. */
function usedPlaces(bytes: Buffer): number[] {
  const places = Array.from({ length: Math.min(bytes.length, 512 * 1024) }, (_, place) => place);
  return places.filter((place) => bytes[place] !== 0).slice(0, 4000);
}

function changesOf(places: readonly number[]): fc.Arbitrary<Change[]> {
  const change = fc.tuple(fc.constantFrom(...places), fc.integer({ min: 0, max: 255 }));
  return fc.array(change, { minLength: 1, maxLength: 6 });
}

/** Whatever is done to the bytes, reading ends in one of two ways; in all the runs both of them occur. */
function expectReadOrRefused(bytes: Buffer, places: readonly number[], read: () => unknown): void {
  const seen = new Set<string>();
  fc.assert(
    fc.property(changesOf(places), (changes) => {
      seen.add(withChanges(bytes, changes, () => outcome(read)));
    }),
    { numRuns: 100, seed: 20_261 },
  );
  expect([...seen].sort()).toEqual(['read', 'refused']);
}

function readAllOfExt4(bytes: Buffer): void {
  const ext4 = openExt4(imageBytesOf('x.raw', bytes));
  listFiles(ext4);
}

describe.each(layouts)('a damaged ext4 image, %s', (name) => {
  test('is read or refused', () => {
    const bytes = fs.readFileSync(at(name));
    // Without the checksum of its superblock, or nothing behind that would be reached.
    bytes.writeUInt8(bytes.readUInt8(1024 + 0x65) & ~4, 1024 + 0x65);
    expectReadOrRefused(bytes, usedPlaces(bytes), () => {
      readAllOfExt4(bytes);
    });
  });

  test('cut anywhere is refused', () => {
    const whole = fs.readFileSync(at(name));
    for (let size = 2048; size < whole.length; size *= 2) {
      expect(outcome(() => openExt4(imageBytesOf('x.raw', whole.subarray(0, size))))).toBe('refused');
    }
  });
});

test('of a damaged GPT image no partition lies outside, and checksums are believed', () => {
  const bytes = fs.readFileSync(at('gpt'));
  expectReadOrRefused(bytes, usedPlaces(bytes.subarray(0, 34 * 512)), () => {
    const image = imageBytesOf('x.raw', bytes);
    if (!isGpt(image)) return;
    for (const { offset, size } of readPartitions(image)) expect(sliceOf(image, offset, size).size).toBe(size);
  });
});
