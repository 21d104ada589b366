import { describe, expect, test } from 'vitest';

import { isSelected } from '../../../../src/builder/source/selection.ts';

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
  ])('%s with includes %j and excludes %j: %s', (path, includes, excludes, selected) => {
    expect(isSelected(path, includes, excludes)).toBe(selected);
  });
});
