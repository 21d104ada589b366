import { describe, expect, test } from 'vitest';

import { selected, selector } from '../../../../src/builder/source/selection.ts';

describe('what a source takes of its directory', () => {
  test.each([
    ['src/main.c', [], [], true],
    ['patches/one', ['patches/one'], [], true],
    ['patches/one', ['patches'], [], true],
    ['patches/one', ['./patches/'], [], true],
    ['patches/two', ['patches/one'], [], false],
    ['deep/er/main.c', ['**/*.c'], [], true],
    ['deep/er/main.c', ['*.c'], [], false],
    ['main.c', [], ['*.c'], false],
    ['build/out/main.o', [], ['build'], false],
    ['build/keep.txt', [], ['build/*', '!build/keep.txt'], true],
    ['build/keep.txt', [], ['!build/keep.txt', 'build/*'], false],
    ['main.c', ['*.c'], ['main.*'], false],
    ['.hidden', ['*'], [], true],
    ['a/.b/c', ['a/*/c'], [], true],
    ['a/b/c/d', ['a/**/d'], [], true],
    ['a/d', ['a/**/d'], [], true],
    ['ab', ['a?'], [], true],
    ['a/', ['a?'], [], false],
    ['a*c', ['a\\*c'], [], true],
    ['abc', ['a\\*c'], [], false],
    ['v2', ['v[0-9]'], [], true],
    ['v2', ['v[^0-9]'], [], false],
    ['{a,b}', ['{a,b}'], [], true],
    ['a', ['{a,b}'], [], false],
    ['a[', ['a['], [], true],
    ['axb', ['a.b'], [], false],
  ])('%s with includes %j and excludes %j: %s', (path, includes, excludes, taken) => {
    expect(selector({ includes, excludes })(path)).toBe(taken);
  });

  test.each([
    ['**/'.repeat(100) + 'x', 'a/'.repeat(400) + 'y'],
    ['*a'.repeat(100) + 'x', 'a'.repeat(250)],
    ['**'.repeat(100) + '/x', 'a/'.repeat(400) + 'y'],
  ])('is told in time, whatever the pattern: %s', (pattern, path) => {
    const start = performance.now();
    expect(selector({ includes: [pattern], excludes: [] })(path)).toBe(false);
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  test('is nothing but the directories that what was asked for lies in', () => {
    const paths = ['.git', '.git/HEAD', 'doc', 'doc/a.txt', 'empty', 'src', 'src/deep', 'src/deep/b.c', 'top.c'];
    const taken = (includes: readonly string[], excludes: readonly string[] = []) =>
      selected(
        paths.map((path) => ({ path })),
        { includes, excludes },
      ).map(({ path }) => path);

    expect(taken([])).toEqual(paths);
    expect(taken(['**/*.c'])).toEqual(['src', 'src/deep', 'src/deep/b.c', 'top.c']);
    expect(taken([], ['src/**', '!src/deep/b.c'])).toEqual(paths);
    expect(taken([], ['.*', 'doc'])).toEqual(['empty', 'src', 'src/deep', 'src/deep/b.c', 'top.c']);
  });
});
