import { gunzipSync } from 'node:zlib';

import { expect, test } from 'vitest';

import { compressManualPages } from '../../../../src/builder/artifacts/manual-pages.ts';
import type { ArchiveEntry } from '../../../../src/core/tree.ts';
import { contentBytes } from '../../../../src/host/content.ts';

const text = Buffer.from('.TH GREET 1\n'.repeat(100));

function file(name: string): ArchiveEntry {
  return { name, kind: 'file', mode: 0o644, mtime: 7, content: { kind: 'bytes', bytes: text } };
}

function link(name: string, target: string): ArchiveEntry {
  return { name, kind: 'symlink', mode: 0o777, mtime: 7, target };
}

function bytesOf(entry: ArchiveEntry | undefined): Buffer {
  return Buffer.from(contentBytes(entry!.content!));
}

test('manual pages are compressed, and nothing else is', () => {
  const others = [file('usr/share/man/man1/b.1.gz'), file('usr/share/doc/a/a.1'), file('usr/bin/a')];

  const [page, ...rest] = compressManualPages([file('usr/share/man/man1/a.1'), ...others]);

  expect(page).toMatchObject({ name: 'usr/share/man/man1/a.1.gz', kind: 'file', mode: 0o644, mtime: 7 });
  expect(rest).toEqual(others);
  expect(gunzipSync(bytesOf(page))).toEqual(text);
});

test('the same page gives the same bytes, with neither a time nor a name in them', () => {
  const [first] = compressManualPages([file('usr/share/man/man1/a.1')]);
  const [second] = compressManualPages([file('usr/share/man/de/man8/b.8')]);

  expect(bytesOf(first)).toEqual(bytesOf(second));
  // Magic, deflate, no flags, no time (RFC 1952, 2.3).
  expect(bytesOf(first).subarray(0, 8).toString('hex')).toBe('1f8b080000000000');
});

test.each([
  ['usr/share/man/man1/hello.1', 'a.1', 'usr/share/man/man1/hello.1.gz', 'a.1.gz'],
  ['usr/share/man/man8/hello.8', '../man1/a.1', 'usr/share/man/man8/hello.8.gz', '../man1/a.1.gz'],
  [
    'usr/share/man/man1/hello.1.gz',
    '/usr/share/man/man1/a.1',
    'usr/share/man/man1/hello.1.gz',
    '/usr/share/man/man1/a.1.gz',
  ],
  ['usr/share/man/man1/hello.1', 'elsewhere.1', 'usr/share/man/man1/hello.1', 'elsewhere.1'],
  ['usr/bin/hello', '/usr/bin/a.1', 'usr/bin/hello', '/usr/bin/a.1'],
])('a link %s to %s becomes %s to %s', (name, target, newName, newTarget) => {
  expect(compressManualPages([file('usr/share/man/man1/a.1'), link(name, target)])[1]).toEqual(
    link(newName, newTarget),
  );
});
