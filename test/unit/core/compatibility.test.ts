import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { compatibility, type Compatibility, type HostRelease } from '../../../src/core/compatibility.ts';
import { confext } from '../../../src/core/extension-class.ts';
import type { ReleaseFields } from '../../../src/core/os-release.ts';
import { systemdVersion } from '../../../src/core/systemd-version.ts';

const debian = { ID: 'debian', VERSION_ID: '13' };

function host(fields: ReleaseFields, major = 257, minor = 13): HostRelease {
  return { fields, scope: 'system', architecture: 'x86-64', systemd: systemdVersion(major, minor) };
}

function verdict(result: Compatibility): string {
  return result.fits ? result.why : `not ${result.why.field}`;
}

describe('the rules, first one decides', () => {
  test.each<[string, ReleaseFields | undefined, string]>([
    ['no release file', undefined, 'not extension-release'],
    ['an empty release file', {}, 'not extension-release'],
    ['any system', { ID: '_any' }, 'any'],
    ['any system, wrong architecture', { ID: '_any', ARCHITECTURE: 'arm64' }, 'not ARCHITECTURE'],
    ['any architecture', { ID: '_any', ARCHITECTURE: '_any' }, 'any'],
    ['an empty architecture', { ID: '_any', ARCHITECTURE: '' }, 'any'],
    ['no ID', { VERSION_ID: '13' }, 'not ID'],
    ['the same system and version', { ID: 'debian', VERSION_ID: '13' }, 'match'],
    ['another system', { ID: 'fedora', VERSION_ID: '13' }, 'not ID'],
    ['another version', { ID: 'debian', VERSION_ID: '12' }, 'not VERSION_ID'],
    ['no version', { ID: 'debian' }, 'not VERSION_ID'],
    ['a level that the host has not', { ID: 'debian', SYSEXT_LEVEL: '1', VERSION_ID: '13' }, 'match'],
    ['a scope that is not ours', { ID: '_any', SYSEXT_SCOPE: 'initrd portable' }, 'not SYSEXT_SCOPE'],
    ['no scope at all', { ID: '_any', SYSEXT_SCOPE: '' }, 'not SYSEXT_SCOPE'],
    ['one of several scopes', { ID: '_any', SYSEXT_SCOPE: 'initrd\tsystem' }, 'any'],
  ])('%s', (_title, extension, expected) => {
    expect(verdict(compatibility(extension, host(debian)))).toBe(expected);
  });
});

/** systemd-sysext(8), "extension-release": which of level and version decides. */
describe('level and version', () => {
  test.each<[ReleaseFields, ReleaseFields, string]>([
    [{}, { VERSION_ID: '9' }, 'rolling'],
    [{ VERSION_ID: '', SYSEXT_LEVEL: '' }, { SYSEXT_LEVEL: '9' }, 'rolling'],
    [{ VERSION_ID: '1', SYSEXT_LEVEL: 'L' }, { SYSEXT_LEVEL: 'L', VERSION_ID: '2' }, 'match'],
    [{ VERSION_ID: '1', SYSEXT_LEVEL: 'L' }, { SYSEXT_LEVEL: 'M', VERSION_ID: '1' }, 'not SYSEXT_LEVEL'],
    [{ VERSION_ID: '1', SYSEXT_LEVEL: 'L' }, { VERSION_ID: '1' }, 'match'],
    [{ VERSION_ID: '1', SYSEXT_LEVEL: 'L' }, {}, 'not VERSION_ID'],
    [{ VERSION_ID: '1', SYSEXT_LEVEL: 'L' }, { VERSION_ID: '2' }, 'not VERSION_ID'],
    [{ SYSEXT_LEVEL: 'L' }, {}, 'match'],
    [{ SYSEXT_LEVEL: 'L' }, { SYSEXT_LEVEL: 'M' }, 'not SYSEXT_LEVEL'],
  ])('host %j, extension %j: %s', (fields, extension, expected) => {
    const result = compatibility({ ID: 'x', ...extension }, host({ ID: 'x', ...fields }));

    expect(verdict(result)).toBe(expected);
  });
});

describe('configuration extensions', () => {
  const level = { VERSION_ID: '1', SYSEXT_LEVEL: 'L', CONFEXT_LEVEL: 'C' };
  test.each<[ReleaseFields | undefined, string]>([
    [{ CONFEXT_LEVEL: 'C' }, 'match'],
    [{ CONFEXT_LEVEL: 'L' }, 'not CONFEXT_LEVEL'],
    [{ SYSEXT_LEVEL: 'C', VERSION_ID: '1' }, 'match'],
    [{ CONFEXT_LEVEL: 'C', CONFEXT_SCOPE: 'initrd' }, 'not CONFEXT_SCOPE'],
    [{ CONFEXT_LEVEL: 'C', SYSEXT_SCOPE: 'initrd' }, 'match'],
  ])('go by their own fields: %j is %s', (extension, expected) => {
    const result = compatibility({ ID: 'x', ...extension }, host({ ID: 'x', ...level }), confext);

    expect(verdict(result)).toBe(expected);
  });

  test('have their release file in /etc', () => {
    expect(compatibility(undefined, host({ ID: 'x' }), confext)).toMatchObject({
      why: { expected: 'a file /etc/extension-release.d/extension-release.NAME' },
    });
  });
});

describe('what a version of systemd does not know yet', () => {
  test('scopes before 250', () => {
    expect(verdict(compatibility({ ...debian, SYSEXT_SCOPE: 'initrd' }, host(debian, 249)))).toBe('match');
  });

  test('architectures and _any before 252', () => {
    expect(verdict(compatibility({ ...debian, ARCHITECTURE: 'arm64' }, host(debian, 251)))).toBe('match');
    expect(verdict(compatibility({ ID: '_any' }, host(debian, 251)))).toBe('not ID');
  });

  test.each([
    [257, 7, 'not ID'],
    [257, 8, 'match'],
    [258, 0, 'match'],
  ])("the host's ID_LIKE at %d.%d", (major, minor, expected) => {
    const derivative = { ID: 'raspbian', ID_LIKE: 'other debian', VERSION_ID: '13' };

    expect(verdict(compatibility(debian, host(derivative, major, minor)))).toBe(expected);
  });
});

test('a misfit names the field, what is expected and what was found', () => {
  const result = compatibility({ ID: 'fedora' }, host(debian));

  expect(result).toEqual({
    fits: false,
    why: { field: 'ID', expected: 'debian', found: 'fedora', reason: 'it is for ID=fedora, this host is ID=debian' },
  });
});

const token = fc.constantFrom('', 'a', 'b', '_any', 'x86-64', 'system', '1', '2');
const field = fc.constantFrom('ID', 'ID_LIKE', 'VERSION_ID', 'SYSEXT_LEVEL', 'SYSEXT_SCOPE', 'ARCHITECTURE', 'NAME');
const fields = fc.dictionary(field, token);

describe('properties', () => {
  test('an extension with the ID, version and level of the host always fits', () => {
    fc.assert(
      fc.property(fields, (release) => {
        const identity = {
          ID: 'x',
          VERSION_ID: release['VERSION_ID'] ?? '',
          SYSEXT_LEVEL: release['SYSEXT_LEVEL'] ?? '',
        };

        return compatibility(identity, host({ ...release, ID: 'x' })).fits;
      }),
    );
  });

  test('fields that are not compared never change the verdict', () => {
    fc.assert(
      fc.property(fields, fields, token, (extension, os, other) => {
        const told = { ...extension, NAME: 'known' };

        expect(compatibility({ ...told, SYSEXT_IMAGE_VERSION: other, ID_LIKE: other }, host(os))).toEqual(
          compatibility(told, host(os)),
        );
      }),
    );
  });

  test('a wrong architecture is refused whatever else the fields say', () => {
    fc.assert(
      fc.property(
        fields,
        fields,
        (extension, os) => !compatibility({ ...extension, ARCHITECTURE: 'arm64' }, host(os)).fits,
      ),
    );
  });

  test('every refusal has a reason', () => {
    fc.assert(
      fc.property(fields, fields, (extension, os) => {
        const result = compatibility(extension, host(os));

        return result.fits || (result.why.reason !== '' && result.why.field !== '');
      }),
    );
  });
});
