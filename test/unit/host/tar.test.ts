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

const long = `usr/${'d'.repeat(120)}/${'n'.repeat(140)}`;
const files: Readonly<Record<string, string>> = {
  'usr/bin/short': 'short\n',
  [long]: 'x'.repeat(1500),
  'usr/share/ünïcode ☃': '',
};

/** A directory with what packages have: long names and targets, both kinds of links, odd modes. */
function makeSample(root: string): void {
  for (const [name, text] of Object.entries(files)) {
    fs.mkdirSync(dirname(`${root}/${name}`), { recursive: true });
    fs.writeFileSync(`${root}/${name}`, text);
  }
  fs.chmodSync(`${root}/usr/bin/short`, 0o4755);
  fs.utimesSync(`${root}/usr/bin/short`, 1_234_567_890, 1_234_567_890);
  fs.linkSync(`${root}/usr/bin/short`, `${root}/usr/bin/twin`);
  fs.symlinkSync(`/${long}`, `${root}/usr/bin/pointer`);
}

const programs = [
  ['GNU tar', 'ustar', ['tar', '--format=ustar']],
  ['GNU tar', 'gnu', ['tar', '--format=gnu']],
  ['GNU tar', 'pax', ['tar', '--format=posix']],
  ['GNU tar', 'v7', ['tar', '--format=v7']],
] as const;

test.each(programs)('what %s writes as %s is read back', (_program, format, [program, option]) => {
  using directory = temporaryDirectory();
  const root = directory.at('tree');
  makeSample(root);
  if (format === 'v7' || format === 'ustar') fs.rmSync(`${root}/usr/bin/pointer`);
  if (format === 'v7') fs.rmSync(dirname(`${root}/${long}`), { recursive: true });
  execFileSync(program, [option, '--sort=name', '-cf', directory.at('x.tar'), '-C', root, './usr']);
  const entries = readTar(directory.at('x.tar')).map(seen);
  const byName = new Map(entries.map((entry) => [entry['name'], entry]));

  expect(byName.get('./usr/')).toMatchObject({ kind: 'directory' });
  expect(byName.get('./usr/bin/short')).toEqual({
    name: './usr/bin/short',
    kind: 'file',
    mode: 0o4755,
    mtime: 1_234_567_890,
    content: 'short\n',
  });
  expect(byName.get('./usr/bin/twin')).toMatchObject({ kind: 'hardlink', target: './usr/bin/short' });
  expect(byName.get('./usr/share/ünïcode ☃')).toMatchObject({ kind: 'file', content: '' });
  if (format !== 'v7') expect(byName.get(`./${long}`)).toMatchObject({ content: files[long] });
  if (fs.existsSync(`${root}/usr/bin/pointer`)) {
    expect(byName.get('./usr/bin/pointer')).toMatchObject({ kind: 'symlink', target: `/${long}` });
  }
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
  ['ends within "a"', tarBytes([{ name: 'a', content: 'x'.repeat(5000) }]).subarray(0, 2048)],
  ['checksum', Buffer.concat([Buffer.from('b'), whole.subarray(1)])],
  ['sparse', tarBytes([{ name: 'a', type: 'S' }])],
  ['sparse', tarBytes([pax('GNU.sparse.major=1'), { name: 'a' }])],
  ['entry type "D"', tarBytes([{ name: 'a', type: 'D' }])],
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
