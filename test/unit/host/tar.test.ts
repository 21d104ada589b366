import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { dirname } from 'node:path';

import fc from 'fast-check';
import { expect, test } from 'vitest';

import { AgentError } from '../../../src/core/errors.ts';
import type { ArchiveEntry } from '../../../src/core/tree.ts';
import { readTar } from '../../../src/host/tar.ts';
import { sealHeader, tarBytes, temporaryDirectory, type TarMember } from '../../support/archives.ts';

function entriesOf(bytes: Buffer): readonly ArchiveEntry[] {
  using directory = temporaryDirectory();
  fs.writeFileSync(directory.at('x.tar'), bytes);
  return readTar(directory.at('x.tar'));
}

/** An entry as a test compares it: contents as text. */
function seen(entry: ArchiveEntry): Record<string, unknown> {
  const { content, ...rest } = entry;
  if (content?.kind !== 'range') return rest;
  const bytes = fs.readFileSync(content.path).subarray(content.offset, content.offset + content.length);
  return { ...rest, content: bytes.toString() };
}

/** A directory with what packages have: long names and targets, both kinds of links, odd modes. */
function makeSample(root: string, long: string): void {
  for (const name of ['usr/bin/short', long, 'usr/share/ünïcode ☃']) {
    fs.mkdirSync(dirname(`${root}/${name}`), { recursive: true });
    fs.writeFileSync(`${root}/${name}`, name);
  }
  fs.chmodSync(`${root}/usr/bin/short`, 0o4755);
  fs.utimesSync(`${root}/usr/bin/short`, 1_234_567_890, 1_234_567_890);
  fs.linkSync(`${root}/usr/bin/short`, `${root}/usr/bin/twin`);
  fs.symlinkSync(`/${'t'.repeat(long.length > 255 ? 150 : 50)}`, `${root}/usr/bin/pointer`);
}

test.each([
  ['v7', 'usr/long'],
  ['ustar', `usr/${'d'.repeat(80)}/${'n'.repeat(90)}`],
  ['gnu', `usr/${'d'.repeat(120)}/${'n'.repeat(140)}`],
  ['posix', `usr/${'d'.repeat(120)}/${'n'.repeat(140)}`],
])('what GNU tar writes as %s is read back', (format, long) => {
  using directory = temporaryDirectory();
  const root = directory.at('tree');
  makeSample(root, long);
  execFileSync('tar', [`--format=${format}`, '-cf', directory.at('x.tar'), '-C', root, '--sort=name', './usr']);
  const byName = new Map(
    readTar(directory.at('x.tar'))
      .map(seen)
      .map((entry) => [entry['name'], entry]),
  );
  const target = fs.readlinkSync(`${root}/usr/bin/pointer`);

  expect(byName.get('./usr/')).toMatchObject({ kind: 'directory' });
  expect(byName.get('./usr/bin/short')).toEqual({
    name: './usr/bin/short',
    kind: 'file',
    mode: 0o4755,
    mtime: 1_234_567_890,
    content: 'usr/bin/short',
  });
  expect(byName.get('./usr/bin/twin')).toMatchObject({ kind: 'hardlink', target: './usr/bin/short' });
  expect(byName.get('./usr/share/ünïcode ☃')).toMatchObject({ kind: 'file', content: 'usr/share/ünïcode ☃' });
  expect(byName.get(`./${long}`)).toMatchObject({ kind: 'file', content: long });
  expect(byName.get('./usr/bin/pointer')).toMatchObject({ kind: 'symlink', target });
});

test('times before 1970 and large numbers in base 256 are read', () => {
  const bytes = tarBytes([{ name: 'old' }]);
  Buffer.from('fffffffffffffffffffffff6', 'hex').copy(bytes, 136);
  sealHeader(bytes.subarray(0, 512));

  expect(entriesOf(bytes)[0]?.mtime).toBe(-10);
});

test('a name that is not UTF-8 is recognizable', () => {
  expect(entriesOf(tarBytes([{ name: Buffer.from([0x61, 0xff]) }]))[0]?.name).toBe('a\ufffd');
});

function pax(...records: readonly string[]): TarMember {
  const content = records.map((record) => {
    const length = record.length + 4;
    return `${String(length).padStart(2, '1')} ${record}\n`;
  });
  return { name: 'PaxHeaders/x', type: 'x', content: content.join('') };
}

const whole = tarBytes([{ name: 'a', content: 'text' }]);

test.each([
  ['is truncated', Buffer.alloc(0)],
  ['is truncated', whole.subarray(0, 1024)],
  ['ends within the contents', tarBytes([{ name: 'a', content: 'x'.repeat(5000) }]).subarray(0, 2048)],
  ['checksum', Buffer.concat([Buffer.from('b'), whole.subarray(1)])],
  ['sparse', tarBytes([{ name: 'a', type: 'S' }])],
  ['sparse', tarBytes([pax('GNU.sparse.major=1'), { name: 'a' }])],
  ['entry type 0x44', tarBytes([{ name: 'a', type: 'D' }])],
  ['size of the entry', tarBytes([{ name: 'a', type: '2', target: 'b', content: 'x' }])],
  ['zeros between entries', Buffer.concat([Buffer.alloc(512), whole])],
  ['pax record is malformed', tarBytes([{ name: 'x', type: 'x', content: '99 path=a\n' }, { name: 'a' }])],
  ['malformed number', tarBytes([pax('size=a'), { name: 'a' }])],
  ['followed by no entry', tarBytes([{ name: 'x', type: 'L', content: 'name\0' }])],
  ['extended header is larger', tarBytes([{ name: 'x', type: 'L', content: 'n'.repeat(70_000) }, { name: 'a' }])],
  ['global pax header', tarBytes([{ ...pax('path=abc'), type: 'g' }, { name: 'a' }])],
])('an archive is refused: %s', (why, bytes) => {
  expect(() => entriesOf(bytes)).toThrow(why);
});

test('whatever the bytes are, the answer is ranges inside the file or an error of ours', () => {
  using directory = temporaryDirectory();
  const path = directory.at('x.tar');
  const seed = tarBytes([
    { name: 'L', type: 'L', content: 'usr/long\0' },
    { name: 'a', content: 'text' },
    pax('path=p', 'size=0'),
    { name: 'b' },
    { name: 'l', type: '2', target: 'a' },
  ]);
  const flip = fc.tuple(fc.nat(seed.length - 1), fc.nat(255));
  fc.assert(
    fc.property(fc.array(flip, { maxLength: 6 }), fc.nat(seed.length), fc.boolean(), (flips, cut, sealed) => {
      const bytes = Buffer.from(seed);
      for (const [at, value] of flips) bytes[at] = value;
      for (let at = 0; sealed && at < bytes.length; at += 512) sealHeader(bytes.subarray(at, at + 512));
      fs.writeFileSync(path, bytes.subarray(0, cut));
      try {
        for (const { content } of readTar(path)) {
          if (content?.kind === 'range') expect(content.offset + content.length).toBeLessThanOrEqual(cut);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(AgentError);
      }
    }),
    { numRuns: 500 },
  );
});
