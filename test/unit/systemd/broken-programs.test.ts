import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { brokenPrograms } from '../../../src/systemd/broken-programs.ts';
import { temporaryDirectory } from '../../support/archives.ts';

let tree: ReturnType<typeof temporaryDirectory>;

beforeEach(() => {
  tree = temporaryDirectory();
  mkdirSync(tree.at('usr'), { recursive: true });
});

afterEach(() => {
  tree[Symbol.dispose]();
});

function put(path: string, text: string): void {
  mkdirSync(dirname(tree.at(path)), { recursive: true });
  writeFileSync(tree.at(path), text);
  chmodSync(tree.at(path), 0o755);
}

/** A program of the host with all that it loads, as it would be in a prepared tree. */
function copyProgram(path: string): void {
  const needed = execFileSync('ldd', [path], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g);
  for (const [, file = ''] of [...needed].concat([['', path] as never])) {
    const to = tree.at(file.replace(/^\/lib/, 'usr/lib').replace(/^\/usr/, 'usr'));
    mkdirSync(dirname(to), { recursive: true });
    execFileSync('cp', ['--dereference', file, to]);
  }
}

test("a program that has all it needs is fine, and one that nobody has now is nobody's loss", () => {
  copyProgram('/usr/bin/cat');

  expect(brokenPrograms(tree.path, ['/usr/bin/cat', '/usr/bin/is-new'])).toEqual([]);
});

test('what loses a library, or is gone, is named', () => {
  copyProgram('/usr/bin/cat');
  execFileSync('find', [tree.path, '-name', 'libc.so.6', '-delete']);

  expect(brokenPrograms(tree.path, ['/usr/bin/cat', '/usr/bin/true'])).toEqual([
    '/usr/bin/cat needs libc.so.6, which is not there',
    '/usr/bin/true is not there',
  ]);
});

test('what is replaced by something that is no program is named', () => {
  put('usr/bin/cat', 'not a program');

  expect(brokenPrograms(tree.path, ['/usr/bin/cat'])).toEqual(['/usr/bin/cat is no program']);
});

test('a script whose interpreter goes is named', () => {
  put('usr/bin/ldd', '#!/usr/bin/bash\n');

  expect(brokenPrograms(tree.path, ['/usr/bin/ldd'])).toEqual([
    '/usr/bin/ldd is a script for /usr/bin/bash, which is not there',
  ]);
});
