import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createExec, type Exec } from '../../src/host/exec.ts';
import { listTree } from '../../src/host/directory-tree.ts';
import { listImage, type ImageEntry } from '../../src/systemd/image.ts';
import { openTree } from '../../src/systemd/open-image.ts';
import { erofsOptions, ext4Options, makeErofs, makeExt4, makeSmallTree } from '../support/images.ts';
import { debugfsLines, entryLines } from './support/listings.ts';

/** What the readers say of images, against what the programs of each format say. Needs root. */

const exec = createExec(process.env);
const noExec: Exec = { run: (program) => Promise.reject(new Error(`${program} was run`)) };
const work = fs.mkdtempSync('/var/tmp/image-oracles-');
const tree = join(work, 'tree');
const image = join(work, 'image.raw');

beforeAll(() => {
  makeSmallTree(tree);
});

afterAll(() => {
  fs.rmSync(work, { recursive: true, force: true });
});

/** The files by path with their bytes, read through the image. */
async function contentsOf(path: string, reader: Exec): Promise<ReadonlyMap<string, Buffer>> {
  return openTree(path, { exec: reader }, (opened) => {
    const files = opened.list().filter(({ kind }) => kind === 'file');
    return opened.readFiles(
      files.map((file) => file.path),
      (file) => file.read(0, file.size),
    );
  });
}

function expectContents(contents: ReadonlyMap<string, Buffer>): void {
  const files = listTree(tree).filter(({ kind }) => kind === 'file');
  expect([...contents.keys()].sort()).toEqual(files.map(({ path }) => path).sort());
  for (const { path } of files) expect(contents.get(path)?.equals(fs.readFileSync(join(tree, path)))).toBe(true);
}

describe.each(Object.entries(ext4Options))('ext4, %s', (name, options) => {
  test('lists what debugfs lists, and gives every content', async () => {
    fs.rmSync(image, { force: true });
    makeExt4(image, tree, options);
    const entries = await listImage(image, noExec);
    expect(entryLines(entries)).toEqual(debugfsLines(image));
    const targets = (list: readonly ImageEntry[]) =>
      list.flatMap(({ path, target }) => (target ? [[path, target]] : []));
    expect(targets(entries)).toEqual(targets(listTree(tree)));
    expect(entries.filter(({ capability }) => capability).map(({ path }) => path)).toEqual(['usr/share/words']);
    // mke2fs 1.47 leaves a sparse file inside of its inode without its blocks: nobody could read it.
    if (name !== 'inline') expectContents(await contentsOf(image, noExec));
    const releases = await openTree(image, { exec: noExec }, (opened) =>
      opened.readReleases(['usr/lib/extension-release.d/extension-release.jq']),
    );
    expect([...releases.values()]).toEqual([{ text: 'ID=_any\n', strict: 'false' }]);
  });
});

test('ext4 with a feature that is not known here is refused by its name', async () => {
  fs.rmSync(image, { force: true });
  makeExt4(image, tree, [8192, '-O^metadata_csum']);
  const bytes = fs.readFileSync(image);
  bytes.writeUInt32LE(bytes.readUInt32LE(1024 + 0x60) | 0x4 | 0x80000, 1024 + 0x60);
  fs.writeFileSync(image, bytes);
  await expect(listImage(image, noExec)).rejects.toThrow('features that are not read here: needs_recovery, 0x80000');
});

test.each(Object.entries(erofsOptions))('erofs, %s: gives every content in this process', async (_name, options) => {
  fs.rmSync(image, { force: true });
  makeErofs(image, tree, options);
  expectContents(await contentsOf(image, noExec));
  const entries = await listImage(image, noExec);
  expect(entries.filter(({ capability }) => capability).map(({ path }) => path)).toEqual(['usr/share/words']);
});

test('squashfs gives every content, unpacked by unsquashfs', async () => {
  fs.rmSync(image, { force: true });
  execFileSync('mksquashfs', [tree, image, '-quiet', '-no-progress'], { stdio: 'ignore' });
  expectContents(await contentsOf(image, exec));
});

test('a directory gives every content, and capabilities', async () => {
  expectContents(await contentsOf(tree, noExec));
  const entries = await listImage(tree, exec);
  expect(entries.filter(({ capability }) => capability).map(({ path }) => path)).toEqual(['usr/share/words']);
});
