import { describe, expect, test } from 'vitest';

import { findReleaseFile, type ReleaseFile } from '../../../src/core/release-file.ts';
import { systemdVersion } from '../../../src/core/systemd-version.ts';

function file(name: string, more: Partial<ReleaseFile> = {}): ReleaseFile {
  return { name: `extension-release.${name}`, regular: true, ...more };
}

describe('which extension-release file counts', () => {
  test.each<[string, ReleaseFile[], string, number, string | undefined]>([
    ['the exact name', [file('a'), file('b')], 'a', 248, 'a'],
    ['the exact name, through a link', [file('a', { regular: false })], 'a', 257, 'a'],
    ['the exact name, whatever its attribute', [file('a', { strict: '1' })], 'a', 257, 'a'],
    ['none of that name', [file('b')], 'a', 257, undefined],
    ['another name with strict=0', [file('b', { strict: '0' })], 'a', 252, 'b'],
    ['another name with strict=no in capitals', [file('b', { strict: 'NO' })], 'a', 252, 'b'],
    ['another name with strict=0 before 250', [file('b', { strict: '0' })], 'a', 249, undefined],
    ['another name with strict=1', [file('b', { strict: '1' })], 'a', 257, undefined],
    ['another name with nonsense for strict', [file('b', { strict: 'maybe' })], 'a', 257, undefined],
    ['a link with strict=0', [file('b', { strict: '0', regular: false })], 'a', 257, undefined],
    ['two that could speak', [file('b', { strict: '0' }), file('c', { strict: '0' })], 'a', 257, undefined],
    ['the base name, 252', [file('a')], 'a_1.2', 252, undefined],
    ['the base name, 256', [file('a')], 'a_1.2', 256, 'a'],
    ['the base name, 257', [file('a')], 'a_1.2', 257, 'a'],
    ['the same base on both sides, 256', [file('a_2')], 'a_1.2', 256, 'a_2'],
    ['the same base on both sides, 257', [file('a_2')], 'a_1.2', 257, undefined],
    ['a name that is none', [file('a')], '.#a', 257, undefined],
    ['a file that is no release file', [{ name: 'os-release', regular: true, strict: '0' }], 'a', 257, undefined],
  ])('%s', (_title, files, imageName, systemd, expected) => {
    const found = findReleaseFile(files, imageName, systemdVersion(systemd));

    expect(found).toBe(expected === undefined ? undefined : `extension-release.${expected}`);
  });
});
