import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { dirname, join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { contextFiles } from '../../../../src/builder/source/context.ts';
import type { ContextSource } from '../../../../src/builder/spec/sources.ts';
import { parseSpec } from '../../../../src/builder/spec/parse.ts';
import { isAgentError, renderError } from '../../../../src/core/errors.ts';
import { temporaryDirectory } from '../../../support/archives.ts';

function sourceOf(fields: string): ContextSource {
  return parseSpec(`name: a\nsources: {src: {${fields}}}`, 's').sources.get('src') as ContextSource;
}

/** Fills a directory: text is a file, the rest a link to what follows `-> `. */
function fill(top: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(top, path)), { recursive: true });
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), join(top, path));
    else writeFileSync(join(top, path), text);
  }
}

const files = {
  'a.txt': 'a',
  'b.conf': 'b',
  'sub/c.txt': 'c',
  'sub/deep/d.txt': 'd',
  link: '-> /etc/shadow',
  out: '-> /etc',
};

function read(fields: string, within = '', top = '') {
  using directory = temporaryDirectory();
  if (top === '') fill(directory.path, files);
  const kept: string[] = [];
  const keep = (path: string) => {
    kept.push(path.slice(directory.path.length + 1));
    return { path, size: 1, sha256: '' };
  };
  const found = contextFiles('src', sourceOf(fields), within, new Map([['context', top || directory.path]]), keep);
  return { found, kept, paths: found.map(({ path }) => path) };
}

function failure(fields: string): string {
  try {
    read(fields);
  } catch (error) {
    if (isAgentError(error)) return renderError(error).replace(/\/tmp\/[^/]+/g, 'TOP');
    throw error;
  }
  throw new Error('nothing failed');
}

describe('a source that is a directory of this host', () => {
  test('has all of it, and links as links: what they lead to is not read', () => {
    const { found, kept, paths } = read('context: {}');

    expect(paths).toEqual([
      ...['src/a.txt', 'src/b.conf', 'src/link', 'src/out', 'src/sub', 'src/sub/c.txt', 'src/sub/deep'],
      'src/sub/deep/d.txt',
    ]);
    expect(found.filter(({ kind }) => kind === 'symlink').map(({ target }) => target)).toEqual(['/etc/shadow', '/etc']);
    expect(kept).toEqual(['a.txt', 'b.conf', 'sub/c.txt', 'sub/deep/d.txt']);
  });

  test.each([
    ['context: {}, path: sub', '', ['src/c.txt', 'src/deep', 'src/deep/d.txt']],
    ['context: {}, path: ./sub//deep/', '', ['src/d.txt']],
    ['context: {}, path: sub/c.txt', '', ['src/c.txt']],
    ['context: {}, includes: ["*.txt"]', '', ['src/a.txt']],
    ['context: {}, path: out', '', ['src/out']],
    ['context: {}, path: sub, excludes: ["**/d.txt"]', '', ['src/c.txt', 'src/deep']],
    ['context: {}', 'sub/deep', ['src/sub/deep', 'src/sub/deep/d.txt']],
    ['context: {}', 'a.txt', ['src/a.txt']],
    ['context: {}', 'out/passwd', []],
    ['context: {}', '../up', []],
    ['context: {}', 'missing', []],
  ])('%s, within %j: %j', (fields, within, expected) => {
    expect(read(fields, within).paths).toEqual(expected);
  });

  test('keeps the modes of its files', () => {
    using directory = temporaryDirectory();
    fill(directory.path, { run: 'x' });
    chmodSync(directory.at('run'), 0o4711);
    expect(read('context: {}', '', directory.path).found).toMatchObject([{ path: 'src/run', mode: 0o4711 }]);
  });
});

describe('a source that cannot be read is refused', () => {
  test('with its place where its path leads out', () => {
    expect(failure('context: {}, path: a/../../b')).toContain(
      's:2:16: path: "a/../../b" leads out of the context\nNothing was built.',
    );
  });

  test('with its place where its context is not given', () => {
    expect(failure('context: {name: docs}')).toMatch(
      /s:2:16: context "docs" not found\n.*given: context\n.*\nGive its/s,
    );
  });

  test.each(['missing', 'out/passwd'])('where its path %s is not there, or behind a link', (path) => {
    expect(failure(`context: {}, path: ${path}`)).toContain(`there is no TOP/${path}, which the source "src" names`);
  });

  test('where it has what no image may have', () => {
    using directory = temporaryDirectory();
    execFileSync('mkfifo', [directory.at('pipe')]);
    expect(() => read('context: {}', '', directory.path)).toThrow(/pipe is a fifo, which no image may have/);
  });
});
