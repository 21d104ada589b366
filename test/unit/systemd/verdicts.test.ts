import { describe, expect, test } from 'vitest';

import type { HostRelease } from '../../../src/core/compatibility.ts';
import { systemdVersion } from '../../../src/core/systemd-version.ts';
import type { ImageFacts, ReleaseText } from '../../../src/systemd/image.ts';
import type { FoundImage } from '../../../src/systemd/search.ts';
import { isBlocker, judge, reasonOf, type Evidence, type Verdict } from '../../../src/systemd/verdicts.ts';

function host(major: number): HostRelease {
  const fields = { ID: 'debian', VERSION_ID: '13' };
  return { fields, scope: 'system', architecture: 'x86-64', systemd: systemdVersion(major) };
}

function image(name: string): FoundImage {
  const path = `/var/lib/extensions/${name}.raw`;
  return { name, kind: 'raw', path, realPath: path };
}

const release = (name: string, text = 'ID=_any', strict?: string): ReleaseText => ({
  name: `extension-release.${name}`,
  regular: true,
  text,
  ...(strict === undefined ? {} : { strict }),
});

const fitting = [release('jq')];

/** Facts of an image, its outcome at 252, 254, 257 and 262 (one for all where they agree): as the contract tests saw it. */
const table: readonly (readonly [title: string, facts: Partial<ImageFacts>, directory: string, raw: string])[] = [
  ['fits', { releaseFiles: fitting }, 'merges', 'merges'],
  ['has no release file', { releaseFiles: [] }, 'ignored', 'stops'],
  ['has one for another name', { releaseFiles: [release('other')] }, 'ignored', 'stops'],
  ['has one for any name', { releaseFiles: [release('other', 'ID=_any', '0')] }, 'merges', 'merges'],
  [
    'has two for any name',
    { releaseFiles: [release('a', 'ID=_any', '0'), release('b', 'ID=_any', '0')] },
    'ignored',
    'stops',
  ],
  ['has an empty one', { releaseFiles: [release('jq', '')] }, 'ignored', 'ignored'],
  ['is for another system', { releaseFiles: [release('jq', 'ID=fedora')] }, 'ignored', 'ignored'],
  [
    'is for another architecture',
    { releaseFiles: [release('jq', 'ID=_any\nARCHITECTURE=s390x')] },
    'ignored',
    'ignored',
  ],
  ['is an operating system', { releaseFiles: fitting, hasOsRelease: true }, 'stops', 'stops ignored ignored ignored'],
  ['is one without a release file', { hasOsRelease: true }, 'stops', 'stops ignored ignored ignored'],
];

const versions = [252, 254, 257, 262] as const;

function outcomes(format: ImageFacts['format'], facts: Partial<ImageFacts>): string[] {
  const whole: ImageFacts = {
    format,
    releaseFiles: [],
    hasOsRelease: false,
    hierarchies: ['usr'],
    ...facts,
  };
  return versions.map((major) => judge(image('jq'), { facts: whole }, host(major)).outcome);
}

function atEachVersion(told: string): string[] {
  const words = told.split(' ');
  return versions.map((_, index) => words[index] ?? words[0] ?? '');
}

describe('what becomes of an image that', () => {
  test.each(table)('%s', (_title, facts, directory, raw) => {
    expect(outcomes('directory', facts)).toEqual(atEachVersion(directory));
    for (const format of ['erofs', 'squashfs', 'disk'] as const) {
      expect(outcomes(format, facts)).toEqual(atEachVersion(raw));
    }
  });

  test('is named by a version', () => {
    const facts: ImageFacts = {
      format: 'erofs',
      releaseFiles: fitting,
      hasOsRelease: false,
      hierarchies: ['usr'],
    };
    const outcome = (major: number) => judge(image('jq_1.7'), { facts }, host(major)).outcome;
    expect([252, 256, 257].map(outcome)).toEqual(['stops', 'merges', 'merges']);
  });

  test.each<Evidence & { outcome: string }>([
    { outcome: 'stops', reason: 'it is no image' },
    { outcome: 'damaged', reason: 'it is cut short' },
    { outcome: 'unknown', reason: 'it is a block device' },
  ])('could not be read: $outcome', (evidence) => {
    expect(judge(image('jq'), evidence, host(257))).toEqual(evidence);
  });
});

test.each<[Verdict, boolean, string | undefined]>([
  [{ outcome: 'merges', hierarchies: ['usr'] }, false, undefined],
  [
    { outcome: 'ignored', why: { field: 'ID', expected: 'a', found: 'b', reason: 'it is for b' } },
    false,
    'it is for b',
  ],
  [{ outcome: 'stops', reason: 'it is no image' }, true, 'it is no image'],
  [{ outcome: 'damaged', reason: 'it is cut short' }, true, 'it is cut short'],
  [{ outcome: 'unknown', reason: 'it is a block device' }, false, 'it is a block device'],
])('%j stands in the way: %j', (verdict, blocks, reason) => {
  expect(isBlocker({ image: image('jq'), verdict })).toBe(blocks);
  expect(reasonOf(verdict)).toBe(reason);
});
