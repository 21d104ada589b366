import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { layeredTree } from '../../../src/host/layered-tree.ts';

let scratch: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'layered-tree-'));
});

afterEach(() => {
  rmSync(scratch, { recursive: true });
});

/** Makes a layer: a text is a file, `-> x` a link, undefined a directory. */
function layer(name: string, files: Readonly<Record<string, string | undefined>>): string {
  const directory = join(scratch, name);
  mkdirSync(directory);
  for (const [path, content] of Object.entries(files)) {
    const place = join(directory, path);
    mkdirSync(dirname(place), { recursive: true });
    if (content === undefined) mkdirSync(place, { recursive: true });
    else if (content.startsWith('-> ')) symlinkSync(content.slice(3), place);
    else writeFileSync(place, content);
  }
  return directory;
}

function tree(layers: Parameters<typeof layeredTree>[0], ...opaque: readonly string[]) {
  const opened = layeredTree(layers, new Set(opaque.map((path) => join(scratch, path))));
  return {
    kind: (path: string, follow = true) => opened.status(path, follow)?.kind,
    mode: (path: string, follow = true) => opened.status(path, follow)?.mode,
    link: (path: string) => opened.link(path),
    text: (path: string) => opened.read(path, 100)?.toString(),
  };
}

describe('a tree of layers', () => {
  test('has of each path what is uppermost, and of directories all', () => {
    const [low, middle, high] = [
      layer('low', { 'd/a': 'low', 'd/b': 'low', 'd/c': 'low', 'x/y': 'low', file: 'low' }),
      layer('middle', { 'd/b': 'middle', x: 'a file', 'file/inside': 'middle' }),
      layer('high', { 'd/c': 'high', 'x/z': 'high' }),
    ];
    chmodSync(join(high, 'd'), 0o700);

    const { kind, text, mode } = tree({ lower: [low, middle], upper: high });

    expect(['/d/a', 'd/b', '//d/./c', '/x/z', '/file/inside'].map(text)).toEqual([
      'low',
      'middle',
      'high',
      'high',
      'middle',
    ]);
    expect(['/', '/d', '/x', '/file', '/x/y', '/d/a/b', '/d/nothing'].map((path) => kind(path))).toEqual([
      'directory',
      'directory',
      'directory',
      'directory',
      undefined,
      undefined,
      undefined,
    ]);
    expect(mode('/d')).toBe(0o700);
  });

  test('has nothing where a layer says that something was removed, or that a directory is a new one', () => {
    const low = layer('low', { 'd/a': 'low', 'd/b': 'low', 'e/a': 'low', gone: 'low' });
    const high = layer('high', { 'd/c': 'high', 'e/b': 'high' });
    execFileSync('mknod', [join(high, 'gone'), 'c', '0', '0']);
    execFileSync('mknod', [join(high, 'd/a'), 'c', '0', '0']);

    const { kind, text } = tree({ lower: [low], upper: high }, 'high/e');

    expect(['/gone', '/d/a', '/e/a'].map((path) => kind(path, false))).toEqual([undefined, undefined, undefined]);
    expect(['/d/b', '/d/c', '/e/b'].map(text)).toEqual(['low', 'high', 'high']);
  });

  test('has links that lead nowhere else', () => {
    writeFileSync(join(scratch, 'secret'), 'secret');
    const low = layer('low', {
      'usr/bin/tool': 'tool',
      bin: '-> usr/bin',
      absolute: '-> /usr/bin/tool',
      upwards: '-> ../../../../../../usr/bin/tool',
      'usr/out': `-> ${scratch}/secret`,
      'usr/up': '-> ../../secret',
      'usr/dir': `-> ${scratch}`,
      loop: '-> loop',
      dangling: '-> nothing',
    });
    const high = layer('high', { 'usr/bin/new': 'new' });

    const { kind, text, link, mode } = tree({ lower: [low], upper: high });

    expect(['/bin/tool', '/bin/new', '/absolute', '/upwards'].map(text)).toEqual(['tool', 'new', 'tool', 'tool']);
    expect(['/usr/out', '/usr/up', '/usr/dir/secret', '/loop', '/dangling'].map((path) => kind(path))).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(['/usr/out', '/loop'].map((path) => kind(path, false))).toEqual(['symlink', 'symlink']);
    expect([link('/bin'), link('/bin/tool'), link('/loop')]).toEqual(['usr/bin', undefined, 'loop']);
    expect(mode('/absolute', false)).toBe(0o777);
  });

  test('reads no more than it should, and nothing that is no file', () => {
    const low = layer('low', { large: 'x'.repeat(101), d: undefined });
    execFileSync('mkfifo', [join(low, 'pipe')]);

    const { kind, text } = tree({ lower: [low] });

    expect(['/large', '/d', '/pipe', '/nothing'].map(text)).toEqual([undefined, undefined, undefined, undefined]);
    expect(kind('/pipe')).toBe('other');
  });

  test('has what is mounted over it in place of its own', () => {
    const base = layer('base', { 'usr/own': 'own', bin: '-> usr/bin', 'etc/a': 'a' });
    const [host, image] = [
      layer('host', { 'bin/tool': 'host', 'bin/other': 'host', up: '-> ../etc/a' }),
      layer('image', { 'bin/tool': 'image' }),
    ];
    const upper = layer('upper', { 'usr/hidden': 'upper', 'etc/b': 'b' });

    const { kind, text } = tree({ lower: [base], upper, overlays: [{ at: '/usr', lower: [host, image] }] });

    expect(['/bin/tool', '/usr/bin/other', '/usr/up', '/etc/b'].map(text)).toEqual(['image', 'host', 'a', 'b']);
    expect([kind('/usr/own'), kind('/usr/hidden')]).toEqual([undefined, undefined]);
  });
});
