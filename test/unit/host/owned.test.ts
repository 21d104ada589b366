import { mkdirSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import {
  abandonedDirectories,
  abandonedTemporaries,
  leftFiles,
  makeOwnedDirectory,
  ownedPath,
  ownedTemporary,
  ownFiles,
  share,
  takeOver,
} from '../../../src/host/owned.ts';
import { processMark } from '../../../src/host/processes.ts';
import { temporaryDirectory } from '../../support/archives.ts';

let work: ReturnType<typeof temporaryDirectory>;

beforeEach(() => {
  work = temporaryDirectory();
});

afterEach(() => {
  work[Symbol.dispose]();
});

const namespace = readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '');
const { startedAt = '' } = processMark(process.pid) ?? {};
const parent = processMark(process.ppid)?.startedAt ?? '';
/** More than the kernel counts to. */
const noProcess = 2 ** 22 + 1;

/** Whose names can be, and whether those are gone. */
const owners = [
  ['this process', `of-${process.pid}-${startedAt}-${namespace}-0a`, false],
  ['another one that runs', `of-${process.ppid}-${parent}-${namespace}-0a`, false],
  ['one that has ended', `of-${noProcess}-1-${namespace}-0a`, true],
  ['one that had the number of this one before', `of-${process.pid}-1-${namespace}-0a`, true],
  ['one in another container', `of-${noProcess}-1-1-0a`, false],
] as const;

describe.each(owners)('what belongs to %s', (_, owner, gone) => {
  test(gone ? 'is left: a directory' : 'is not left: a directory', () => {
    mkdirSync(work.at(`.#${owner}`));

    expect(abandonedDirectories(work.path)).toEqual(gone ? [work.at(`.#${owner}`)] : []);
  });

  test(gone ? 'is left: a file' : 'is not left: a file', () => {
    writeFileSync(work.at(`stem.${owner}.part`), '');

    expect(leftFiles(work.path, { kinds: ['part'] })).toEqual(gone ? [work.at(`stem.${owner}.part`)] : []);
  });

  test(gone ? 'is left: a file where others write' : 'is not left: a file where others write', () => {
    writeFileSync(work.at(`.#${owner}`), '');

    expect(abandonedTemporaries(work.path)).toEqual(gone ? [work.at(`.#${owner}`)] : []);
  });
});

test('what this process makes is its own, each time another, and not left while it runs', () => {
  const paths = [makeOwnedDirectory(work.path), makeOwnedDirectory(work.path)];
  for (let count = 0; count < 2; count++) {
    const path = ownedPath(work.path, 'stem', 'part');
    writeFileSync(path, '');
    paths.push(path);
  }

  expect(readdirSync(work.path).sort()).toEqual(paths.map((path) => basename(path)).sort());
  expect(new Set(paths).size).toBe(4);
  expect(abandonedDirectories(work.path)).toEqual([]);
  expect(leftFiles(work.path, { kinds: ['part'] })).toEqual([]);
  expect(ownFiles(work.path, { kinds: ['part'] }).sort()).toEqual(paths.slice(2).sort());
});

test('where others write, neither their directories and links are left files of ours, nor what we write now', () => {
  const of = `.#of-${noProcess}-1-${namespace}`;
  mkdirSync(work.at(`${of}-0a`));
  symlinkSync('/etc/passwd', work.at(`${of}-0b`));
  writeFileSync(work.at('.#of-me'), '');
  writeFileSync(ownedTemporary(work.path), '');

  expect(abandonedTemporaries(work.path)).toEqual([]);
});

test('files are left by the kinds and the stem that are asked for, and what belongs to nobody is', () => {
  const names = ['a.part', 'a.raw', 'b.part', 'a.b.part', `a.${noProcess}-0a.part`, 'a.of-x.part', 'part', '.#a'];
  for (const name of names) writeFileSync(work.at(name), '');
  const left = (wanted: Parameters<typeof leftFiles>[1]) => leftFiles(work.path, wanted).map((path) => basename(path));

  expect(left({ kinds: ['part'] }).sort()).toEqual(['a.part', 'b.part']);
  expect(left({ kinds: ['part', 'raw'], stem: 'a' }).sort()).toEqual(['a.part', 'a.raw']);
  expect(leftFiles(join(work.path, 'nowhere'), { kinds: ['part'] })).toEqual([]);
});

test('who shares a file has it as well, and neither takes it from the other', () => {
  writeFileSync(work.at('b'), 'b');

  expect(share([work.at('a'), work.at('b')], work.at('c'))).toBe(true);
  expect(share([work.at('a')], work.at('d'))).toBe(false);
  expect(readdirSync(work.path).sort()).toEqual(['b', 'c']);
});

test('the first of the left ones that is still there is taken over', () => {
  writeFileSync(work.at('b.part'), 'b');
  writeFileSync(work.at('c.part'), 'c');
  const own = ownedPath(work.path, 'a', 'part');

  expect(takeOver([work.at('a.part'), work.at('b.part'), work.at('c.part')], own)).toBe(true);
  expect(readdirSync(work.path).sort()).toEqual([basename(own), 'c.part'].sort());
  expect(takeOver([work.at('a.part')], own)).toBe(false);
});
