import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { parseSpec } from '../../../../src/builder/spec/parse.ts';
import { installed, setUpScript } from '../../../../src/builder/tests/package-layer.ts';
import type { SoundEntry } from '../../../../src/builder/tree/judge.ts';
import { layeredTree } from '../../../../src/host/layered-tree.ts';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'package-layer-'));
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  symlinkSync('usr/bin', join(root, 'bin'));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function file(path: string): SoundEntry {
  return { kind: 'file', path, mode: 0o644, mtime: 0, content: { kind: 'bytes', bytes: Buffer.from(path) } };
}

function directory(path: string): SoundEntry {
  return { kind: 'directory', path, mode: 0o755, mtime: 0 };
}

describe('the own package in a root', () => {
  test('lies behind the links that the root has for directories, as a package manager puts it', () => {
    const entries = [directory('bin'), file('bin/a'), directory('bin/sub'), file('usr/bin/b'), file('opt/c')];

    const paths = installed(entries, layeredTree({ lower: [root] }, new Set())).map(({ path }) => path);

    expect(paths).toEqual(['usr/bin', 'usr/bin/a', 'usr/bin/sub', 'usr/bin/b', 'opt/c']);
  });

  test('has the later one of two entries that come to one place', () => {
    const found = installed([file('usr/bin/a'), file('bin/a')], layeredTree({ lower: [root] }, new Set()));

    expect(found.map((entry) => (entry.kind === 'file' ? [entry.path, entry.content] : []))).toEqual([
      ['usr/bin/a', { kind: 'bytes', bytes: Buffer.from('bin/a') }],
    ]);
  });

  test('gets its users, groups and owners, and no name is anything but a word to the shell', () => {
    const { artifacts, placing } = parseSpec(
      `name: a
artifacts:
  binaries: {tool: {user: need}, 'many/*': {group: coffee}}
  createDirectories: {config: {d: {user: "it's"}}, state: {s: {group: g}}}
  links: [{source: /x, dest: /bin/l, user: need, group: coffee}, {source: /x, dest: /bin/m}]
  users: [{name: need}]
  groups: [{name: coffee}]
`,
      's',
    );
    const entry = (name: string) => ({ name, kind: 'file', mode: 0o644, mtime: 0 }) as const;
    const entries = ['usr/bin/tool', 'usr/bin/one', 'usr/bin/two', 'usr/share/other'].map(entry);

    const script = setUpScript({
      entries,
      places: { layout: { family: 'deb', libraries: 'usr/lib' }, pkg: 'a', placing },
      artifacts,
    });

    expect(script.split('\n')).toEqual([
      "getent passwd 'need' >/dev/null || useradd 'need'",
      "getent group 'coffee' >/dev/null || groupadd --system 'coffee'",
      "chown -h 'need' '/usr/bin/tool'",
      "chown -h ':coffee' '/usr/bin/tool'",
      "chown -h ':coffee' '/usr/bin/one'",
      "chown -h ':coffee' '/usr/bin/two'",
      String.raw`chown -h 'it'\''s' '/etc/d'`,
      "chown -h ':g' '/var/lib/s'",
      "chown -h 'need:coffee' '/bin/l'",
    ]);
  });
});
