import fs from 'node:fs';

import { expect, test } from 'vitest';

import type { TreeNode } from '../../../src/core/tree.ts';
import { writeTree } from '../../../src/host/tree-writer.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const text = (value: string) => ({ kind: 'bytes' as const, bytes: Buffer.from(value) });
const directoryNode = (path: string, mode = 0o755): TreeNode => ({ kind: 'directory', path, mode, mtime: 50 });

test('a tree comes out with its bytes, modes, times and links', () => {
  using directory = temporaryDirectory();
  const archive = directory.at('archive');
  fs.writeFileSync(archive, `head${'x'.repeat(600_000)}tail`);
  fs.mkdirSync(directory.at('out'));
  const big = { kind: 'range' as const, path: archive, offset: 4, length: 600_000 };
  const nodes: TreeNode[] = [
    directoryNode('usr'),
    directoryNode('usr/bin', 0o555),
    { kind: 'file', path: 'usr/bin/big', mode: 0o4755, mtime: 1000, content: big },
    { kind: 'symlink', path: 'usr/bin/link', mtime: 2000, target: 'big' },
    { kind: 'file', path: 'usr/bin/small', mode: 0o600, mtime: 3000, content: text('small\n') },
    { kind: 'hardlink', path: 'usr/bin/twin', target: 'usr/bin/small' },
  ];
  writeTree(directory.at('out'), { nodes, timestamp: 60 });
  const at = (name: string) => fs.lstatSync(directory.at(`out/${name}`));

  expect(fs.readFileSync(directory.at('out/usr/bin/big'), 'utf8')).toBe('x'.repeat(600_000));
  expect(at('usr/bin/big')).toMatchObject({ mode: 0o104755, mtimeMs: 1_000_000 });
  expect(at('usr/bin/small')).toMatchObject({ mode: 0o100600, mtimeMs: 3_000_000, nlink: 2 });
  expect(at('usr/bin/twin').ino).toBe(at('usr/bin/small').ino);
  expect(fs.readlinkSync(directory.at('out/usr/bin/link'))).toBe('big');
  expect(at('usr/bin/link').mtimeMs).toBe(2_000_000);
  expect(at('usr/bin')).toMatchObject({ mode: 0o40555, mtimeMs: 50_000 });
  expect(at('')).toMatchObject({ mode: 0o40755, mtimeMs: 60_000 });
});

test('a directory that is not empty is left alone', () => {
  using directory = temporaryDirectory();
  fs.writeFileSync(directory.at('mine'), '');

  expect(() => {
    writeTree(directory.path, { nodes: [directoryNode('usr')], timestamp: 0 });
  }).toThrow('is not empty');
  expect(fs.readdirSync(directory.path)).toEqual(['mine']);
});

test.each(['../x', 'usr/../../x', '/etc/x', '', 'usr//x', './usr'])('the path "%s" is never written', (path) => {
  using directory = temporaryDirectory();
  fs.mkdirSync(directory.at('out'));
  const node: TreeNode = { kind: 'file', path, mode: 0o644, mtime: 0, content: text('') };

  expect(() => {
    writeTree(directory.at('out'), { nodes: [node], timestamp: 0 });
  }).toThrow('is not one of a tree');
  expect(fs.readdirSync(directory.path)).toEqual(['out']);
  expect(fs.readdirSync(directory.at('out'))).toEqual([]);
});

test('nothing is written through a symbolic link, should a tree ask for it', () => {
  using directory = temporaryDirectory();
  fs.mkdirSync(directory.at('out'));
  fs.mkdirSync(directory.at('canary'));
  const nodes: TreeNode[] = [
    { kind: 'symlink', path: 'usr', mtime: 0, target: directory.at('canary') },
    { kind: 'file', path: 'usr/x', mode: 0o644, mtime: 0, content: text('') },
  ];

  expect(() => {
    writeTree(directory.at('out'), { nodes, timestamp: 0 });
  }).toThrow('no such file or directory');
  expect(fs.readdirSync(directory.at('canary'))).toEqual([]);
});
