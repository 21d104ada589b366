import fs from 'node:fs';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { AgentError } from '../../../src/core/errors.ts';
import { readCpio } from '../../../src/host/cpio.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const hex = (value: number) => value.toString(16).padStart(8, '0');
const pad = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);

function member(name: string, mode: number, content = '', inode = 1, links = 1): Buffer {
  const fields = [inode, mode, 0, 0, links, 1_000_000_000, content.length, 0, 0, 0, 0, name.length + 1, 0];
  return Buffer.concat([pad(Buffer.from(`070701${fields.map(hex).join('')}${name}\0`)), pad(Buffer.from(content))]);
}

const end = member('TRAILER!!!', 0);
const stripped = (index: number, content = '') =>
  Buffer.concat([pad(Buffer.from(`07070X${hex(index)}`)), pad(Buffer.from(content))]);

function entriesOf(bytes: Buffer, listed: Parameters<typeof readCpio>[1] = []) {
  using directory = temporaryDirectory();
  fs.writeFileSync(directory.at('x.cpio'), bytes);
  return readCpio(directory.at('x.cpio'), listed).map(({ content, ...entry }) => {
    if (content?.kind !== 'range') return entry;
    const text = fs
      .readFileSync(content.path)
      .subarray(content.offset, content.offset + content.length)
      .toString();
    return { ...entry, text };
  });
}

test('an archive of large files names them by their numbers, and the last of several names has the bytes', () => {
  const file = (name: string, size: number, inode: string) => ({
    name,
    mode: 0o100644,
    mtime: 5,
    size,
    inode,
    target: '',
  });
  const listed = [file('./a', 4, '7'), file('./b', 4, '7'), { ...file('./l', 1, '8'), mode: 0o120777, target: 'a' }];
  expect(entriesOf(Buffer.concat([stripped(0), stripped(1, 'text'), stripped(2, 'a'), end]), listed)).toEqual([
    { name: './b', kind: 'file', mode: 0o644, mtime: 5, text: 'text' },
    { name: './l', kind: 'symlink', mode: 0o777, mtime: 5, target: 'a' },
    { name: './a', kind: 'hardlink', mode: 0o644, mtime: 5, target: './b' },
  ]);
});

test.each([
  ['truncated', Buffer.alloc(0)],
  ['does not begin', Buffer.from('x'.repeat(200))],
  ['ends within the contents', member('a', 0o100644, 'x'.repeat(900)).subarray(0, 300)],
  ['number in a header', Buffer.concat([Buffer.from('070701zzzzzzzz'), Buffer.alloc(200, '0')])],
  ['the mode', Buffer.concat([member('a', 0o150000), end])],
  ['none of the files', Buffer.concat([stripped(3), end])],
])('an archive is refused: %s', (why, bytes) => {
  expect(() => entriesOf(bytes)).toThrow(why);
});

test('whatever the bytes are, the answer is entries or an error of ours', () => {
  const whole = Buffer.concat([member('a', 0o100644, '', 2, 2), member('b', 0o100644, 'text', 2, 2), end]);
  const flip = fc.tuple(fc.nat(whole.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(flip, { maxLength: 6 }), fc.nat(whole.length), (flips, cut) => {
      const bytes = Buffer.from(whole);
      for (const [at, value] of flips) bytes[at] = value;
      try {
        entriesOf(bytes.subarray(0, cut));
      } catch (error) {
        expect(error).toBeInstanceOf(AgentError);
      }
    }),
    { numRuns: 300 },
  );
});
