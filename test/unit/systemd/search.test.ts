import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { confext, sysext, type ExtensionClass } from '../../../src/core/extension-class.ts';
import { systemdVersion } from '../../../src/core/systemd-version.ts';
import { findImages } from '../../../src/systemd/search.ts';
import { temporaryDirectory } from '../../support/archives.ts';

test.each([
  [252, ['/etc', '/run', '/var/lib', '/usr/local/lib', '/usr/lib']],
  [253, ['/etc', '/run', '/var/lib', '/usr/local/lib', '/usr/lib']],
  [254, ['/etc', '/run', '/var/lib']],
  [257, ['/etc', '/run', '/var/lib']],
  [262, ['/etc', '/run', '/var/lib']],
])('search directories of %d', (major, parents) => {
  expect(sysext.searchDirectories(systemdVersion(major))).toEqual(parents.map((parent) => `${parent}/extensions`));
});

/** What is found below a root with these entries: a path that ends in a slash is a directory, `path -> target` a link. */
function found(major: number, ...entries: readonly string[]): string[] {
  return foundOf(sysext, major, ...entries);
}

function foundOf(extensionClass: ExtensionClass, major: number, ...entries: readonly string[]): string[] {
  using root = temporaryDirectory();
  for (const entry of entries) {
    const [path = '', target] = entry.split(' -> ');
    mkdirSync(dirname(join(root.path, path)), { recursive: true });
    if (target !== undefined) symlinkSync(target, root.at(path));
    else if (path.endsWith('/')) mkdirSync(root.at(path), { recursive: true });
    else writeFileSync(root.at(path), '');
  }
  const images = findImages(root.path, systemdVersion(major), extensionClass);
  return images.map(({ name, kind, path }) => `${name} ${kind} ${path}`);
}

describe('images below a root', () => {
  test('configuration extensions have directories of their own, and none before 254', () => {
    const entries = [
      ...['etc/confexts/a.raw', 'etc/extensions/b.raw', 'run/confexts/c.sysext.raw', 'usr/lib/confexts/d.confext.raw'],
      ...['var/lib/confexts/e.confext.raw.v/e_1.confext.raw', 'var/lib/confexts/e.confext.raw.v/e_2.confext.raw'],
    ];
    expect(foundOf(confext, 257, ...entries)).toEqual([
      'c.sysext raw /run/confexts/c.sysext.raw',
      'd raw /usr/lib/confexts/d.confext.raw',
      'e raw /var/lib/confexts/e.confext.raw.v/e_2.confext.raw',
    ]);
    expect(foundOf(confext, 253, ...entries)).toEqual([]);
  });

  test('the first directory wins, and an empty directory masks', () => {
    expect(
      found(257, 'etc/extensions/a/', 'run/extensions/b.raw', 'var/lib/extensions/a.raw', 'var/lib/extensions/b/'),
    ).toEqual(['a directory /etc/extensions/a', 'b raw /run/extensions/b.raw']);
  });

  test('links are seen below another root from 260 on, and never lead out of it', () => {
    const entries = ['srv/a.raw', 'var/lib/extensions/a.raw -> /srv/a.raw', 'var/lib/extensions/b.raw -> /etc/passwd'];
    expect(found(259, ...entries)).toEqual([]);
    expect(found(260, ...entries)).toEqual(['a raw /var/lib/extensions/a.raw']);
  });

  test('a search directory may be a link itself', () => {
    expect(found(252, 'srv/a.raw', 'var/lib/extensions -> ../../srv')).toEqual(['a raw /var/lib/extensions/a.raw']);
  });

  test('a link that cannot be followed is found, whatever it is called and whatever comes before it', () => {
    const entries = [
      'etc/passwd',
      'run/extensions/a/',
      'var/lib/extensions/a -> a',
      'var/lib/extensions/.#b -> /etc/passwd/b',
      'var/lib/extensions/c.raw -> /nowhere',
    ];
    expect(found(262, ...entries)).toEqual([
      '.#b obstructed /var/lib/extensions/.#b',
      'a directory /run/extensions/a',
      'a obstructed /var/lib/extensions/a',
    ]);
    expect(found(259, ...entries)).toEqual(['a directory /run/extensions/a']);
  });

  test('a search directory that cannot be followed is one itself', () => {
    expect(found(252, 'run/extensions -> extensions', 'var/lib/extensions/a/')).toEqual([
      'a directory /var/lib/extensions/a',
      'extensions obstructed /run/extensions',
    ]);
  });

  test('a .v directory is an image itself up to 255, and its newest version after', () => {
    const entries = ['etc/extensions/v.raw.v/v_1.raw', 'etc/extensions/v.raw.v/v_2.raw'];
    expect(found(255, ...entries)).toEqual(['v.raw.v directory /etc/extensions/v.raw.v']);
    expect(found(256, ...entries)).toEqual(['v raw /etc/extensions/v.raw.v/v_2.raw']);
  });

  test('a .v directory without a usable version does not mask', () => {
    expect(found(257, 'etc/extensions/v.raw.v/', 'run/extensions/v.raw')).toEqual(['v raw /run/extensions/v.raw']);
  });

  test('a raw image of a .v directory goes by the name of its file up to 259', () => {
    using root = temporaryDirectory();
    mkdirSync(root.at('etc/extensions/v.raw.v'), { recursive: true });
    writeFileSync(root.at('etc/extensions/v.raw.v/v_1.raw'), '');
    const releaseName = (major: number) =>
      findImages(root.path, systemdVersion(major)).map((image) => image.releaseName);
    expect([259, 260].map(releaseName)).toEqual([['v_1'], ['v']]);
  });

  test.each<[number, string]>([
    [259, 'stack.mstack directory'],
    [260, 'stack mstack'],
  ])('an .mstack directory at %d', (major, expected) => {
    expect(found(major, 'etc/extensions/stack.mstack/')).toEqual([`${expected} /etc/extensions/stack.mstack`]);
  });
});
