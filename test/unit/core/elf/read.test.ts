import { readFileSync } from 'node:fs';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { readElf, type ElfReading } from '../../../../src/core/elf/read.ts';
import { makeElf } from './samples.ts';

/** Reads bytes, and counts how many of them were asked for; what lies outside throws. */
function reading(bytes: Buffer): { readonly result: ElfReading; readonly read: number } {
  let read = 0;
  const result = readElf({
    size: bytes.length,
    read: (offset, length) => {
      if (offset < 0 || length < 0 || offset + length > bytes.length) throw new Error('read outside of the file');
      read += length;
      return bytes.subarray(offset, offset + length);
    },
  });
  return { result, read };
}

describe('an ELF file', () => {
  const samples = ([32, 64] as const).flatMap((bits) =>
    (['little', 'big'] as const).map((endian) => ({ bits, endian }) as const),
  );

  test.each(samples)('of $bits bits and $endian endian says what it needs', ({ bits, endian }) => {
    const names = { soname: 'libx.so.1', needed: ['libb.so.2', 'liba.so.1'], interpreter: '/lib/ld.so' };
    const bytes = makeElf({ bits, endian, machine: 8, ...names, runpath: '$ORIGIN/../lib:/opt/lib' });

    expect(reading(bytes).result).toMatchObject({
      kind: 'object',
      facts: { bits, endian, machine: 8, ...names, runpath: ['$ORIGIN/../lib', '/opt/lib'], rpath: [] },
    });
  });

  test.each([
    { of: 'x86-64', machine: 62, bits: 64, endian: 'little' },
    { of: 'arm64', machine: 183, bits: 64, endian: 'little' },
    { of: 's390x', machine: 22, bits: 64, endian: 'big' },
    { of: undefined, machine: 62, bits: 32, endian: 'little' },
  ] as const)('for machine $machine with $bits bits is for $of', ({ of, machine, bits, endian }) => {
    expect(reading(makeElf({ machine, bits, endian })).result).toMatchObject({ facts: { architecture: of } });
  });

  test('is none where the first bytes are others', () => {
    expect(reading(Buffer.from('#!/bin/sh\n'.repeat(20))).result).toEqual({ kind: 'other' });
    expect(reading(Buffer.alloc(0)).result).toEqual({ kind: 'other' });
  });

  test('that was cut short is damaged', () => {
    const cut = makeElf({ bits: 64, endian: 'little', needed: ['a'] }).subarray(0, 520);

    expect(reading(cut).result).toEqual({
      kind: 'damaged',
      why: 'it refers to 64 bytes at 512, and has 520',
    });
  });
});

describe('whatever the bytes are', () => {
  const real = readFileSync(process.execPath).subarray(0, 64 * 1024);
  const bases = [makeElf({ bits: 64, endian: 'little', needed: ['a', 'b'], soname: 'c', interpreter: '/l' }), real];

  test('reading throws nothing and reads no more than a few megabytes', () => {
    const change = fc.tuple(fc.nat(3000), fc.constantFrom(0, 1, 0x7f, 0xff, 0x10));
    fc.assert(
      fc.property(fc.constantFrom(...bases), fc.array(change, { maxLength: 24 }), fc.nat(), (base, changes, cut) => {
        const bytes = Buffer.from(base.subarray(0, cut % 5 === 0 ? cut % base.length : base.length));
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        const { result, read } = reading(bytes);

        expect(['object', 'other', 'damaged']).toContain(result.kind);
        expect(read).toBeLessThan(64 * 1024 ** 2);
      }),
      { numRuns: 2000 },
    );
  });
});
