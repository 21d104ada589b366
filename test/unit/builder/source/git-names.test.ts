import { describe, expect, test } from 'vitest';

import { submodulesIn } from '../../../../src/builder/source/git-submodules.ts';
import { chooseName, hasChecksum, toProve } from '../../../../src/builder/source/git-names.ts';

const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((digit) => digit.repeat(40)) as [string, string, string, string];

const names = new Map([
  ['HEAD', a],
  ['refs/heads/main', a],
  ['refs/heads/v1', b],
  ['refs/tags/v1', c],
  ['refs/tags/v1^{}', d],
  ['refs/tags/v2', c],
  ['refs/tags/v2^{}', d],
  ['refs/other/main', d],
]);

describe('a name of a repository', () => {
  test.each([
    ['main', { commit: a, ref: 'refs/heads/main' }],
    ['HEAD', { commit: a, ref: 'HEAD' }],
    ['v1', { commit: b, ref: 'refs/heads/v1' }],
    ['refs/tags/v1', { commit: d, ref: 'refs/tags/v1', tag: c }],
    ['v2', { commit: d, ref: 'refs/tags/v2', tag: c }],
    ['refs/other/main', { commit: d, ref: 'refs/other/main' }],
    ['other/main', undefined],
    ['gone', undefined],
  ])('%s stands for a commit', (wanted, found) => {
    expect(chooseName(wanted, names)).toEqual(found);
  });

  test.each([
    [d, true],
    [d.slice(0, 7), true],
    [c, true],
    [d.slice(0, 6), false],
    [a, false],
  ])('has the checksum %s: %s', (checksum, has) => {
    expect(hasChecksum({ commit: d, ref: 'refs/tags/v2', tag: c }, checksum)).toBe(has);
  });
});

test('submodules are read with where they are from', () => {
  const links = [`160000 commit ${a}\tlib/one`, `160000 commit ${b}\tno where`].join('\0');
  const settings = [
    'submodule.lib.one.path\nlib/one/',
    'submodule.lib.one.url\n../one.git',
    'submodule.x.url\nhttps://example.org',
    'core.bare\ntrue',
    '',
  ].join('\0');

  expect(submodulesIn(`${links}\0\0${settings}`)).toEqual([
    { path: 'lib/one', commit: a, url: '../one.git' },
    { path: 'no where', commit: b, url: undefined },
  ]);
  expect(submodulesIn('\0')).toEqual([]);
});

test('what has to be proven is the way from a tag to its commit, where the tag is what was promised', () => {
  const found = { commit: d, ref: 'refs/tags/v2', tag: c };
  expect(toProve(found, c)).toEqual(found);
  expect([toProve(found, d), toProve(found, '')]).toEqual(Array(2).fill({ commit: d, ref: 'refs/tags/v2' }));
});
