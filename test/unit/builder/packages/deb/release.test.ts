import { describe, expect, it } from 'vitest';

import { checkRelease, packagesIndexes, parseRelease } from '../../../../../src/builder/packages/deb/release.ts';

const hash = (digit: string) => digit.repeat(64);
const fields = {
  Suite: 'stable-security',
  Codename: 'trixie-security',
  Date: 'Fri, 20 Nov 2026 00:12:42 UTC',
  'Valid-Until': 'Fri, 27 Nov 2026 00:12:42 UTC',
  'Acquire-By-Hash': 'yes',
  Architectures: 'amd64 arm64',
  Components: 'updates/main',
  MD5Sum: `\n ${'0'.repeat(32)} 1 main/binary-i386/Packages`,
  SHA256: [
    '',
    `${hash('a')} 20 main/binary-amd64/Packages`,
    `${hash('b')} 10 main/binary-amd64/Packages.xz`,
    `${hash('c')} 5 main/binary-all/Packages.gz`,
  ].join('\n '),
};
const expected = { suite: 'trixie-security', architecture: 'amd64', checkValidUntil: true, checkDate: true };
const now = new Date('2026-11-22T00:00:00Z');

function release(changes: Readonly<Record<string, string | undefined>> = {}) {
  const all: Readonly<Record<string, string | undefined>> = { ...fields, ...changes };
  const lines = Object.entries(all).map(([name, value]) => (value === undefined ? '' : `${name}: ${value}\n`));
  const text = lines.join('');
  return parseRelease('InRelease', { text, signers: [] });
}

function check(changes: Parameters<typeof release>[0], more: Partial<typeof expected> = {}): void {
  checkRelease('InRelease', release(changes), { ...expected, ...more }, now);
}

describe('a Release file', () => {
  it('is read', () => {
    const read = release();
    expect(read).toMatchObject({
      suite: 'stable-security',
      codename: 'trixie-security',
      byHash: true,
      separateAll: false,
    });
    expect(read.date.toISOString()).toBe('2026-11-20T00:12:42.000Z');
    expect(read.validUntil?.toISOString()).toBe('2026-11-27T00:12:42.000Z');
    expect([...read.files.keys()]).not.toContain('main/binary-i386/Packages');
  });

  it.each([{ Date: undefined }, { Date: 'someday' }, { 'Valid-Until': 'never' }, { SHA256: undefined }])(
    'without a usable %o is refused',
    (changes) => {
      expect(() => release(changes)).toThrow(expect.objectContaining({ code: 'verification-failed' }));
    },
  );
});

describe('the check of a Release file', () => {
  it('accepts the suite by its name or its code name', () => {
    check({});
    check({}, { suite: 'stable-security' });
  });

  it.each([
    ['of another suite', {}, { suite: 'bookworm-security' }, 'verification-failed'],
    ['past its Valid-Until', { 'Valid-Until': 'Sat, 21 Nov 2026 00:00:00 UTC' }, {}, 'verification-failed'],
    ['from the future', { Date: 'Sun, 22 Nov 2026 00:00:11 UTC' }, {}, 'verification-failed'],
    ['without our architecture', {}, { architecture: 'riscv64' }, 'invalid-config'],
  ])('refuses one %s', (_, changes, more, code) => {
    expect(() => {
      check(changes, more);
    }).toThrow(expect.objectContaining({ code }));
  });

  it('is relaxed where the administrator says so', () => {
    check({ 'Valid-Until': 'Sat, 21 Nov 2026 00:00:00 UTC' }, { checkValidUntil: false });
    check({ Date: 'Sun, 29 Nov 2026 00:00:00 UTC' }, { checkDate: false });
    check({ Date: 'Sun, 22 Nov 2026 00:00:09 UTC' });
  });
});

describe('the index of a component', () => {
  it('is the packed one that is best to read, and knows what it unpacks to', () => {
    expect(packagesIndexes('InRelease', release(), 'main', 'amd64')).toEqual([
      {
        compression: 'xz',
        packed: { path: 'main/binary-amd64/Packages.xz', size: 10, sha256: hash('b') },
        plain: { path: 'main/binary-amd64/Packages', size: 20, sha256: hash('a') },
      },
    ]);
  });

  it('comes with that of all architectures where the archive keeps them apart', () => {
    const compressions = (changes: Parameters<typeof release>[0]) =>
      packagesIndexes('InRelease', release(changes), 'main', 'amd64').map(({ packed }) => packed.path);
    const apart = { Architectures: 'all amd64' };
    expect(compressions(apart)).toEqual(['main/binary-amd64/Packages.xz', 'main/binary-all/Packages.gz']);
    expect(compressions({ ...apart, 'No-Support-for-Architecture-all': 'Packages' })).toHaveLength(1);
  });

  it('is missed where there is none', () => {
    expect(() => packagesIndexes('InRelease', release(), 'contrib', 'amd64')).toThrow(
      expect.objectContaining({ code: 'invalid-config' }),
    );
  });
});
