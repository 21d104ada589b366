import { describe, expect, test } from 'vitest';

import { confext } from '../../../src/core/extension-class.ts';
import { factsOf } from '../../../src/systemd/image.ts';
import type { ImageTree } from '../../../src/systemd/image-tree.ts';

type Entry = string | { link: string } | { size: number } | { names: 'none' };

const emptyDirectory: Entry = { names: 'none' };

/** An image of these files; a text with `!` in front is one with strict=false. */
function treeOf(files: Readonly<Record<string, Entry>>): ImageTree {
  const directories = new Set(
    Object.keys(files).flatMap((path) => path.split('/').map((_, i, parts) => parts.slice(0, i).join('/'))),
  );
  const entryAt: ImageTree['entryAt'] = (path) => {
    const entry = files[path];
    if (entry === undefined) return directories.has(path) ? { kind: 'directory', size: 0 } : undefined;
    if (typeof entry === 'string') return { kind: 'file', size: entry.length };
    if ('names' in entry) return { kind: 'directory', size: 0 };
    return 'link' in entry ? { kind: 'symlink', size: 1, target: entry.link } : { kind: 'file', size: entry.size };
  };
  return {
    format: 'squashfs',
    entryAt,
    namesIn: (directory) => {
      const prefix = directory === '' ? '' : `${directory}/`;
      const below = [...Object.keys(files), ...directories].filter((path) => path !== '' && path.startsWith(prefix));
      return [...new Set(below.map((path) => path.slice(prefix.length).split('/')[0] ?? ''))]
        .filter((name) => name !== '')
        .sort();
    },
    readReleases: (paths) =>
      Promise.resolve(
        new Map(
          paths.map((path) => {
            const entry = files[path];
            const text = typeof entry === 'string' ? entry : '';
            return [path, text.startsWith('!') ? { text: text.slice(1), strict: 'false' } : { text }] as const;
          }),
        ),
      ),
    readFiles: () => Promise.resolve(new Map()),
    list: () => [],
    listWithCapabilities: () => Promise.resolve([]),
  };
}

const releases = 'usr/lib/extension-release.d';
const facts = (files: Readonly<Record<string, Entry>>) => factsOf('x.raw', treeOf(files));

describe('what an image shows of itself', () => {
  test('as a configuration extension what it has in /etc', async () => {
    const files = {
      [`${releases}/extension-release.a`]: 'ID=a',
      'etc/extension-release.d/extension-release.b': 'ID=b',
    };
    expect(await factsOf('x.raw', treeOf(files), undefined, confext)).toMatchObject({
      releaseFiles: [{ name: 'extension-release.b', text: 'ID=b' }],
      hierarchies: ['etc'],
    });
  });

  test('its release files by name, with what they hold', async () => {
    const found = await facts({
      [`${releases}/extension-release.a`]: 'ID=a',
      [`${releases}/extension-release.b`]: '!ID=b',
      [`${releases}/README`]: 'not one',
    });
    expect(found.releaseFiles).toEqual([
      { name: 'extension-release.a', regular: true, text: 'ID=a' },
      { name: 'extension-release.b', regular: true, text: 'ID=b', strict: 'false' },
    ]);
  });

  test.each([
    ['extension-release.a', 'beside it'],
    [`/${releases}/extension-release.a`, 'absolute, from the root of the image'],
    ['../../../../../usr/lib/extension-release.d/extension-release.a', 'that climbs too high'],
  ])('a release file through the link %s (%s) has the text and not the attribute', async (link) => {
    const found = await facts({
      [`${releases}/extension-release.a`]: '!ID=a',
      [`${releases}/extension-release.link`]: { link },
    });
    expect(found.releaseFiles[1]).toEqual({ name: 'extension-release.link', regular: false, text: 'ID=a' });
  });

  test.each<[string, Entry]>([
    ['a dangling link', { link: 'nowhere' }],
    ['a link to itself', { link: 'extension-release.a' }],
    ['a link to a directory', { link: '..' }],
    ['a directory', emptyDirectory],
  ])('%s is no release file', async (_title, entry) => {
    expect((await facts({ [`${releases}/extension-release.a`]: entry })).releaseFiles).toEqual([]);
  });

  test('names that systemd takes for none are passed over', async () => {
    const names = ['extension-release.', 'extension-release..#x', 'extension-release.a\nb', 'extension-release.\ufffd'];
    const files = Object.fromEntries(names.map((name) => [`${releases}/${name}`, 'ID=a']));
    expect((await facts(files)).releaseFiles).toEqual([]);
  });

  test('the directory of release files may be reached through a link', async () => {
    const found = await facts({
      usr: { link: 'system' },
      'system/lib/extension-release.d/extension-release.a': 'ID=a',
    });
    expect(found.releaseFiles).toEqual([{ name: 'extension-release.a', regular: true, text: 'ID=a' }]);
    expect(found.hierarchies).toEqual(['usr']);
  });

  test.each<[Readonly<Record<string, Entry>>, readonly string[]]>([
    [{ 'usr/bin/x': 'x', 'opt/y': 'y' }, ['usr', 'opt']],
    [{ 'usr/bin/x': 'x', opt: emptyDirectory }, ['usr']],
    [{ usr: 'a file', 'opt/y': 'y' }, ['opt']],
    [{}, []],
  ])('hierarchies of %j', async (files, hierarchies) => {
    expect((await facts(files)).hierarchies).toEqual(hierarchies);
  });

  test.each<[Readonly<Record<string, Entry>>, boolean]>([
    [{ 'usr/lib/os-release': 'ID=a' }, true],
    [{ 'usr/lib/os-release': { link: '../../etc/os-release' }, 'etc/os-release': 'ID=a' }, true],
    [{ 'usr/lib/os-release': { link: '../../etc/os-release' } }, false],
    [{ 'etc/os-release': 'ID=a' }, false],
  ])('os-release in %j: %j', async (files, has) => {
    expect((await facts(files)).hasOsRelease).toBe(has);
  });
});

describe('what systemd-sysext would fail over or wait for', () => {
  test('a directory for os-release', async () => {
    await expect(facts({ 'usr/lib/os-release': emptyDirectory })).rejects.toMatchObject({
      code: 'invalid-image',
      message: 'x.raw has a directory for /usr/lib/os-release, which must be a file or not be there',
    });
  });

  test('a fifo for a release file', async () => {
    const tree = treeOf({ [`${releases}/extension-release.a`]: 'ID=a' });
    const entryAt: ImageTree['entryAt'] = (path) =>
      path.endsWith('.a') ? { kind: 'fifo', size: 0 } : tree.entryAt(path);
    await expect(factsOf('x.raw', { ...tree, entryAt })).rejects.toMatchObject({
      code: 'invalid-image',
      message: `x.raw has a fifo for /${releases}/extension-release.a: systemd-sysext would wait for its writer`,
    });
  });
});

describe('an image that wants too much', () => {
  test('a release file of many bytes', async () => {
    const found = facts({ [`${releases}/extension-release.a`]: { size: 2_000_000 } });
    await expect(found).rejects.toMatchObject({
      code: 'invalid-image',
      message: 'x.raw has a release file of 2000000 bytes: /usr/lib/extension-release.d/extension-release.a',
    });
  });

  test('many release files', async () => {
    const files = Object.fromEntries(
      Array.from({ length: 100 }, (_, i) => [`${releases}/extension-release.${i}`, 'ID=a']),
    );
    await expect(facts(files)).rejects.toMatchObject({ code: 'invalid-image', message: 'x.raw has 100 release files' });
  });
});
