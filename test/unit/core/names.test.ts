import { describe, expect, test } from 'vitest';

import { sysext } from '../../../src/core/extension-class.ts';
import { baseName, imageNameOf, isExtensionName, isImageName } from '../../../src/core/names.ts';

describe('image names as systemd has them', () => {
  test.each([
    ['jq', true],
    ['.hidden', true],
    ['', false],
    ['.', false],
    ['..', false],
    ['.#staged', false],
    ['a/b', false],
    ['a\nb', false],
    ['a\u0085b', true],
    ['x'.repeat(255), true],
    ['x'.repeat(256), false],
    ['ä'.repeat(128), false],
  ])('%j: %s', (name, valid) => {
    expect(isImageName(name)).toBe(valid);
  });
});

describe('names that we give', () => {
  test.each([
    ['jq', true],
    ['my-sysext-v0.1.0-1-trixie-x86-64', true],
    ['-jq', false],
    ['.jq', false],
    ['a b', false],
    ['jq.raw', false],
    ['x'.repeat(129), false],
  ])('%j: %s', (name, valid) => {
    expect(isExtensionName(name)).toBe(valid);
  });
});

test.each([
  ['foo_1.2.raw', 'foo'],
  ['foo+3', 'foo'],
  ['foo.sysext.raw', 'foo'],
  ['foo', 'foo'],
])('the base of %s is %s', (name, base) => {
  expect(baseName(name)).toBe(base);
});

describe('entries of a search directory', () => {
  test.each<[string, 'file' | 'directory' | 'block', number, string | undefined]>([
    ['jq.raw', 'file', 252, 'jq'],
    ['jq.img', 'file', 252, undefined],
    ['jq.sysext.raw', 'file', 252, 'jq.sysext'],
    ['jq.sysext.raw', 'file', 255, 'jq'],
    ['jq', 'directory', 252, 'jq'],
    ['jq.sysext', 'directory', 257, 'jq'],
    ['.#jq.raw', 'file', 257, undefined],
    ['.hidden.raw', 'file', 257, '.hidden'],
    ['.sysupdate.jq.raw', 'file', 260, '.sysupdate.jq'],
    ['.sysupdate.jq.raw', 'file', 261, undefined],
    ['vdb', 'block', 257, 'vdb'],
  ])('%s (%s) at %d', (entry, kind, systemd, expected) => {
    expect(imageNameOf(entry, kind, sysext, systemd)).toBe(expected);
  });
});
