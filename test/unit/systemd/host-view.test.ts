import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import type { ImageEntry } from '../../../src/core/image-entry.ts';
import { hostView, mergedPaths, type MergedPaths } from '../../../src/systemd/host-view.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const root = temporaryDirectory();

afterAll(() => {
  root[Symbol.dispose]();
});

function put(path: string, text = ''): void {
  mkdirSync(dirname(root.at(path)), { recursive: true });
  writeFileSync(root.at(path), text);
}

put('usr/bin/jq');
put('usr/share/tool/own');
put('usr/share/merged/only');
mkdirSync(root.at('usr/empty'));
symlinkSync('bin', root.at('usr/sbin'));
symlinkSync('/srv/opt', root.at('opt'));
put('srv/opt/tool');

function kindAt(path: string, merged: MergedPaths = new Map()): string | undefined {
  return hostView(root.at('.'), merged)(path)?.kind;
}

describe('what a host has', () => {
  test.each([
    ['usr', 'directory'],
    ['usr/bin', 'directory'],
    ['usr/bin/jq', 'file'],
    ['usr/bin/jq/below', undefined],
    ['usr/sbin', 'symlink'],
    ['usr/sbin/jq', undefined],
    ['usr/nothing', undefined],
    ['usr/nothing/at/all', undefined],
    ['opt', 'directory'],
    ['opt/tool', 'file'],
    ['srv2', undefined],
    [`usr/${'x'.repeat(5000)}`, undefined],
    ['usr/\0', undefined],
  ])('at %s: %s', (path, kind) => {
    expect(kindAt(path)).toBe(kind);
  });

  test('at a link: where it leads', () => {
    expect(hostView(root.at('.'), new Map())('usr/sbin')).toEqual({ kind: 'symlink', target: 'bin' });
  });
});

describe('while extensions are merged', () => {
  const entry = (path: string, kind: ImageEntry['kind']): ImageEntry => ({
    path,
    kind,
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
  });
  const merged = mergedPaths([
    [entry('usr', 'directory'), entry('usr/bin', 'directory'), entry('usr/bin/jq', 'file')],
    [
      entry('usr/share', 'directory'),
      entry('usr/share/tool', 'directory'),
      entry('usr/share/merged', 'directory'),
      entry('usr/share/merged/only', 'file'),
      entry('usr/sbin', 'symlink'),
    ],
  ]);

  test.each([
    ['usr', 'directory'],
    ['usr/bin/jq', undefined],
    ['usr/sbin', undefined],
    ['usr/share/tool', 'directory'],
    ['usr/share/tool/own', 'file'],
    ['usr/share/merged', undefined],
    ['usr/share/merged/only', undefined],
    ['usr/empty', 'directory'],
  ])('what they bring is not of the host: %s is %s', (path, kind) => {
    expect(kindAt(path, merged)).toBe(kind);
  });
});
