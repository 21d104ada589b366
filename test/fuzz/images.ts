import fs from 'node:fs';
import { join } from 'node:path';

import { AgentError } from '../../src/core/errors.ts';
import { openErofs } from '../../src/host/erofs.ts';
import { isErofs } from '../../src/host/erofs-format.ts';
import { openExt4 } from '../../src/host/ext4.ts';
import { isExt4 } from '../../src/host/ext4-format.ts';
import { listFiles, inodeFinder, type FileSystem, type InodeFacts } from '../../src/host/file-system.ts';
import { isGpt, readPartitions } from '../../src/host/gpt.ts';
import { imageBytesOf, sliceOf, type ImageBytes } from '../../src/host/image-bytes.ts';
import { erofsOptions, ext4Options, makeErofs, makeExt4, makeGpt, makeSmallTree } from '../support/images.ts';

/**
 * Spoils small images at random for some seconds and reads them: `node test/fuzz/images.ts SECONDS [SEED]`. Whatever is
 * no AgentError, or takes more than two seconds of the processor, is printed with the seed of its case, and the run fails.
 */

const slowest = 2000;
const most = 4 * 1024 * 1024;

/** A generator of numbers below `limit` that a seed decides (xorshift32). */
function generator(seed: number): (limit: number) => number {
  const state = { value: seed === 0 ? 1 : seed };
  return (limit) => {
    state.value ^= state.value << 13;
    state.value ^= state.value >>> 17;
    state.value ^= state.value << 5;
    return (state.value >>> 0) % limit;
  };
}

function makeCorpus(): ReadonlyMap<string, Buffer> {
  const directory = fs.mkdtempSync(join('/var/tmp', 'fuzz-images-'));
  try {
    const [tree, image] = [join(directory, 'tree'), join(directory, 'image.raw')];
    makeSmallTree(tree);
    const corpus = new Map<string, Buffer>();
    const take = (name: string) => {
      corpus.set(name, fs.readFileSync(image));
      fs.rmSync(image);
    };
    for (const [name, options] of Object.entries(erofsOptions)) {
      makeErofs(image, tree, options);
      take(`erofs ${name}`);
    }
    for (const [name, [size, ...options]] of Object.entries(ext4Options)) {
      if (size > 10_000) continue;
      makeExt4(image, tree, [size, ...options]);
      take(`ext4 ${name}`);
    }
    makeErofs(join(directory, 'inside'), tree, ['-zlz4hc']);
    makeGpt(image, join(directory, 'inside'), '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709');
    take('gpt');
    return corpus;
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

/** Places in use: what is zero is mostly never looked at. */
function usedBytes(bytes: Buffer): Uint32Array {
  return Uint32Array.from(bytes.keys().filter((at) => bytes[at] !== 0));
}

const values = [0, 1, 2, 3, 4, 7, 8, 0x10, 0x7f, 0x80, 0xff, 0xfe, 0x40, 0x0f, 0xf3, 0x0a];

/** Changes some bytes; checksums of superblocks are switched off, or nothing behind them would ever be reached. */
function spoil(bytes: Buffer, used: Uint32Array, next: (limit: number) => number): (() => void)[] {
  const undo: (() => void)[] = [];
  const set = (at: number, value: number) => {
    const before = bytes[at] ?? 0;
    undo.unshift(() => bytes.writeUInt8(before, at));
    bytes.writeUInt8(value, at);
  };
  if (bytes.readUInt32LE(1024) === 0xe0f5e1e2) set(1032, bytes.readUInt8(1032) & ~1);
  if (bytes.readUInt16LE(1080) === 0xef53) set(1024 + 0x65, bytes.readUInt8(1024 + 0x65) & ~4);
  const metadata = next(2) === 0 ? Math.min(used.length, 3000) : used.length;
  for (let count = 1 + next(8); count > 0; count--) {
    const at = (used[next(metadata)] ?? 0) + next(4);
    if (at < bytes.length) set(at, next(2) === 0 ? next(256) : (values[next(values.length)] ?? 0));
  }
  return undo;
}

function exercise(image: ImageBytes): void {
  if (isGpt(image)) {
    for (const { offset, size } of tryTo(() => readPartitions(image)) ?? []) {
      tryTo(() => {
        exercise(sliceOf(image, offset, size));
      });
    }
  } else if (isErofs(image)) {
    const erofs = tryTo(() => openErofs(image));
    if (erofs?.superblock.unknownFeatures === 0) exerciseFiles(erofs);
  } else if (isExt4(image)) {
    const ext4 = tryTo(() => openExt4(image));
    if (ext4 !== undefined) exerciseFiles(ext4);
  }
}

function exerciseFiles<I extends InodeFacts>(files: FileSystem<I>): void {
  const find = tryTo(() => inodeFinder(files));
  if (find === undefined) return;
  const entries = tryTo(() => listFiles(files)) ?? [{ path: 'usr/share/words' }, { path: 'usr/share/zeros' }];
  for (const { path } of entries) {
    if (path.includes('many')) continue;
    tryTo(() => {
      const inode = find(path);
      if (inode?.kind !== 'file') return;
      files.attribute(inode, 'user.extension-release.strict');
      const content = files.contentOf(inode);
      if (content === undefined) return;
      content.read(0, Math.min(content.size, most));
      content.read(Math.floor(content.size / 2), Math.min(100, Math.ceil(content.size / 2)));
    });
  }
}

function tryTo<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (error instanceof AgentError && error.code === 'invalid-image') return undefined;
    throw error;
  }
}

function main([seconds = '10', firstSeed = '1']: readonly string[]): void {
  const corpus = [...makeCorpus()].map(([name, bytes]) => ({ name, bytes, used: usedBytes(bytes) }));
  const end = Date.now() + Number(seconds) * 1000;
  let [seed, failures, longest] = [Number(firstSeed), 0, 0];
  for (; Date.now() < end; seed++) {
    const next = generator(Math.imul(seed, 2_654_435_761));
    const { name, bytes, used } = corpus[seed % corpus.length]!;
    const undo = spoil(bytes, used, next);
    const begin = process.cpuUsage();
    try {
      exercise(imageBytesOf('x.raw', bytes));
    } catch (error) {
      failures++;
      process.stdout.write(`seed ${seed}, ${name}: ${error instanceof Error ? String(error.stack) : String(error)}\n`);
    }
    const took = process.cpuUsage(begin).user / 1000;
    longest = Math.max(longest, took);
    if (took > slowest) {
      failures++;
      process.stdout.write(`seed ${seed}, ${name}: took ${Math.round(took)} ms\n`);
    }
    for (const restore of undo) restore();
  }
  const memory = Math.round(process.resourceUsage().maxRSS / 1024);
  process.stdout.write(
    `${seed - Number(firstSeed)} cases, ${failures} failures, the longest ${Math.round(longest)} ms, ${memory} MiB at most\n`,
  );
  process.exitCode = failures === 0 ? 0 : 1;
}

main(process.argv.slice(2));
