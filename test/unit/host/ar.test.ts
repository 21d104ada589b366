import { writeFileSync } from 'node:fs';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { AgentError } from '../../../src/core/errors.ts';
import { readAr } from '../../../src/host/ar.ts';
import { arBytes, temporaryDirectory } from '../../support/archives.ts';

function membersOf(bytes: Buffer) {
  using directory = temporaryDirectory();
  writeFileSync(directory.at('x.deb'), bytes);
  return readAr(directory.at('x.deb'));
}

test('members come with their places, those of odd length too', () => {
  const bytes = arBytes([
    ['debian-binary', Buffer.from('2.0\n')],
    ['odd', Buffer.from('abc')],
    ['data.tar.xz', Buffer.from('12')],
  ]);
  const members = membersOf(bytes);

  expect(members.map(({ name, offset, length }) => [name, bytes.toString('latin1', offset, offset + length)])).toEqual([
    ['debian-binary', '2.0\n'],
    ['odd', 'abc'],
    ['data.tar.xz', '12'],
  ]);
});

test.each([
  ['is not an ar archive', Buffer.from('PK')],
  ['is not an ar archive', Buffer.alloc(0)],
  ['ends within the ar header', arBytes([['a', Buffer.from('1')]]).subarray(0, 40)],
  ['ends within its member a', arBytes([['a', Buffer.from('1234')]]).subarray(0, 70)],
  ['has a malformed ar header', arBytes([['../a', Buffer.from('1')]])],
])('an archive that %s is refused', (why, bytes) => {
  expect(() => membersOf(bytes)).toThrow(why);
});

test('whatever the bytes are, the answer is members inside the file or an error of ours', () => {
  using directory = temporaryDirectory();
  const path = directory.at('x.deb');
  const header = fc
    .tuple(fc.string({ maxLength: 16 }), fc.integer({ min: -9, max: 999 }), fc.uint8Array())
    .map(([name, size, rest]) =>
      Buffer.concat([Buffer.from(`${name.padEnd(48)}${String(size).padEnd(10)}\`\n`), Buffer.from(rest)]),
    );
  fc.assert(
    fc.property(fc.array(fc.oneof(header, fc.uint8Array())), (parts) => {
      const bytes = Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
      writeFileSync(path, bytes);
      try {
        for (const { offset, length } of readAr(path)) expect(offset + length).toBeLessThanOrEqual(bytes.length);
      } catch (error) {
        expect(error).toBeInstanceOf(AgentError);
      }
    }),
  );
});
