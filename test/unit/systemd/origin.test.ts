import { mkdirSync, writeFileSync } from 'node:fs';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { confext } from '../../../src/core/extension-class.ts';
import { isSameOrigin, parseOrigin } from '../../../src/systemd/origin.ts';
import { temporaryDirectory } from '../../support/archives.ts';

/** As systemd 262 writes it. */
const recorded = `{
  "mutable" : { "mode" : "no" },
  "extensions" : {
    "x" : {
      "path" : "/var/lib/extensions/x.raw",
      "onMountId" : 2148088960,
      "fileHandle" : { "type" : 248, "handle" : "00000000fb1d0401" },
      "crtime" : 1795597183091939,
      "mtime" : 1795597183137991
    },
    "y" : { "path" : "/var/lib/extensions/y", "inode" : 7, "crtime" : 1795597183183939, "mtime" : 0 },
    "z" : { "path" : "/var/lib/extensions/z.raw", "verityHash" : "abcd" }
  }
}`;

test('what systemd says of the images that it merged is read, and 0 is no time', () => {
  expect(parseOrigin(recorded)).toEqual([
    { name: 'x', path: '/var/lib/extensions/x.raw', birth: 1795597183091939, mtime: 1795597183137991 },
    { name: 'y', path: '/var/lib/extensions/y', inode: 7, birth: 1795597183183939 },
    { name: 'z', path: '/var/lib/extensions/z.raw', verityHash: 'abcd' },
  ]);
});

test('an image that a merge found mounted is the file it is mounted from', () => {
  const path = `/run/sysext-agent/images/${'ab'.repeat(32)}.7.1795597183137991`;
  const mounted = { a: { path, onMountId: 1, fileHandle: { type: 129, handle: '00' }, crtime: 0, mtime: 0 } };
  expect(parseOrigin(JSON.stringify({ extensions: mounted }))).toEqual([
    { name: 'a', path: '/var/lib/extensions/a.raw', inode: 7, mtime: 1795597183137991 },
  ]);
});

test.each(['', 'null', '[]', '{', '{"extensions":[]}', '{"extensions":7}', '['.repeat(100_000)])(
  'what is something else says nothing: %.20s',
  (text) => {
    expect(parseOrigin(text)).toBeUndefined();
  },
);

test('fields of another kind are passed over', () => {
  const text =
    '{"extensions":{"a":7,"b":{"path":7},"__proto__":{"path":"/p","mtime":1e99},"d":{"path":"/d","inode":-1}}}';

  expect(parseOrigin(text)).toEqual([
    { name: '__proto__', path: '/p' },
    { name: 'd', path: '/d' },
  ]);
});

test('no text makes it throw', () => {
  const strange = fc.jsonValue().map((extensions) => JSON.stringify({ extensions }));

  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), strange), (text) => {
      const images = parseOrigin(text);
      expect(images === undefined || images.every(({ path }) => typeof path === 'string')).toBe(true);
    }),
  );
});

test('two merges of the same images are the same, whatever the numbers of mounts and the order of keys', () => {
  using work = temporaryDirectory();
  const write = (root: string, text: string) => {
    mkdirSync(work.at(`${root}/usr/.systemd-sysext`), { recursive: true });
    writeFileSync(work.at(`${root}/usr/.systemd-sysext/origin`), text);
  };
  write('now', '{"mutable":{"mode":"no"},"extensions":{"a":{"path":"/a","onMountId":1,"inode":5},"b":{"path":"/b"}}}');
  write('then', '{"extensions":{"b":{"path":"/b"},"a":{"inode":5,"onMountId":2,"path":"/a"}},"mutable":{"mode":"no"}}');
  write(
    'other',
    '{"mutable":{"mode":"no"},"extensions":{"a":{"path":"/a","onMountId":1,"inode":6},"b":{"path":"/b"}}}',
  );

  expect(isSameOrigin(work.at('now'), work.at('then'))).toBe(true);
  expect(isSameOrigin(work.at('now'), work.at('other'))).toBe(false);
  expect(isSameOrigin(work.at('none'), work.at('none'))).toBe(false);
  expect(isSameOrigin(work.at('now'), work.at('then'), confext)).toBe(false);
});
