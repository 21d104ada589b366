/**
 * Feeds the reader of ELF files with mutations of small files and of programs of this host:
 * `node test/fuzz/elf.ts SECONDS [SEED]`. A case that throws, takes long or reads too much is kept in
 * test/fixtures/elf, and ends the run.
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stdout } from 'node:process';

import { readElf } from '../../src/core/elf/read.ts';

const corpus = resolve(import.meta.dirname, '../fixtures/elf');
const largestBase = 256 * 1024;
const mostRead = 128 * 1024 ** 2;
const mostMilliseconds = 1000;

function bases(): Buffer[] {
  const own = readdirSync(corpus).map((name) => join(corpus, name));
  const host = readdirSync('/usr/lib/x86_64-linux-gnu').map((name) => join('/usr/lib/x86_64-linux-gnu', name));
  const small = host.filter((path) => {
    const status = statSync(path, { throwIfNoEntry: false });
    return status?.isFile() === true && status.size <= largestBase && path.includes('.so');
  });
  return [...own, ...small.slice(0, 100)].map((path) => readFileSync(path));
}

/** Numbers that follow from a seed (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const interesting = [0, 1, 2, 4, 8, 16, 0x7f, 0x80, 0xff];

/** Changes some bytes, most of them in the headers and where the dynamic section points. */
function mutated(base: Buffer, random: (below: number) => number): Buffer {
  const bytes = Buffer.from(random(8) === 0 ? base.subarray(0, random(base.length) + 1) : base);
  for (let changes = random(16) + 1; changes > 0; changes--) {
    const reach = [64, 1024, 8192, bytes.length][random(4)] ?? bytes.length;
    const at = random(Math.min(reach, bytes.length));
    bytes[at] = random(2) === 0 ? random(256) : (interesting[random(interesting.length)] ?? 0);
  }
  return bytes;
}

/** What is wrong with the reading of these bytes; undefined where nothing is. */
function problemWith(bytes: Buffer): string | undefined {
  let read = 0;
  const start = process.cpuUsage();
  try {
    readElf({
      size: bytes.length,
      read: (offset, length) => {
        if (offset < 0 || length < 0 || offset + length > bytes.length) throw new Error(`read ${length} at ${offset}`);
        read += length;
        return bytes.subarray(offset, offset + length);
      },
    });
  } catch (error) {
    return String(error);
  }
  if (read > mostRead) return `${read} bytes were read`;
  // Not by the clock: the machine may be busy with something else.
  const { user, system } = process.cpuUsage(start);
  const took = (user + system) / 1000;
  return took > mostMilliseconds ? `it took ${took.toFixed(0)} ms` : undefined;
}

function main(seconds: number, seed: number): void {
  const files = bases();
  const random = randomFrom(seed);
  const end = performance.now() + seconds * 1000;
  let cases = 0;
  for (; performance.now() < end; cases++) {
    const base = files[random(files.length)];
    if (base === undefined) throw new Error('there is nothing to begin with');
    const bytes = mutated(base, random);
    const problem = problemWith(bytes);
    if (problem === undefined) continue;
    writeFileSync(join(corpus, `found-${seed}-${cases}`), bytes);
    throw new Error(`case ${cases} of seed ${seed}: ${problem}`);
  }
  stdout.write(`${cases} cases from ${files.length} files with seed ${seed}: nothing found\n`);
}

main(Number(process.argv[2] ?? 10), Number(process.argv[3] ?? 1));
