import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';

import { expect, test } from 'vitest';

import { debEntries } from '../../src/builder/packages/deb/archive.ts';
import { assemble } from '../../src/builder/tree/assemble.ts';
import { AgentError, renderError } from '../../src/core/errors.ts';
import { sameContent } from '../../src/host/content.ts';
import { createExec } from '../../src/host/exec.ts';
import { sha256OfFile } from '../../src/host/digest.ts';
import { writeTree } from '../../src/host/tree-writer.ts';
import { arBytes, debBytes, tarBytes, temporaryDirectory, type TarMember } from '../support/archives.ts';

const exec = createExec({});
const settings = { name: 'evil', imageName: 'evil', architecture: 'x86-64', osId: '_any' } as const;

/** What a user sees when an image is built from this package file, and what it left in the directory beside the canary. */
async function outcome(deb: Buffer): Promise<{ readonly message: string; readonly files: readonly string[] }> {
  using directory = temporaryDirectory();
  fs.mkdirSync(directory.at('canary'));
  fs.mkdirSync(directory.at('tree'));
  fs.writeFileSync(directory.at('evil.deb'), deb);
  const pkg = {
    name: 'evil',
    version: '6.6',
    architecture: 'all',
    sha256: sha256OfFile(directory.at('evil.deb')),
    size: deb.length,
    url: '',
    path: directory.at('evil.deb'),
  };
  const message = await (async () => {
    try {
      const entries = await debEntries(pkg, { exec, cacheDirectory: directory.at('cache') });
      writeTree(directory.at('tree'), assemble([{ name: pkg.name, entries }], settings, sameContent).tree);
      return 'built';
    } catch (error) {
      if (error instanceof AgentError && error.code === 'content-refused') return renderError(error);
      throw error;
    }
  })();
  const files = fs.readdirSync(directory.path, { recursive: true, encoding: 'utf8' });
  const expected = ['cache', 'cache/unpacked', 'canary', 'evil.deb', 'tree'];
  const unpacked = new RegExp(`^cache/unpacked/${pkg.sha256}-[0-9a-f]{64}\\.tar$`);
  return { message, files: files.filter((name) => !expected.includes(name) && !unpacked.test(name)) };
}

const good: TarMember = { name: './usr/bin/good', content: 'good' };

const evil: readonly (readonly [what: string, why: string | RegExp, members: readonly TarMember[]])[] = [
  ['an absolute name', 'evil: "/tmp/x" has an absolute name', [{ name: '/tmp/x' }]],
  ['a name that leads upwards', 'evil: "../canary/x" leads upwards', [{ name: '../canary/x' }]],
  ['one that does so in its middle', 'leads upwards', [{ name: './usr/../../canary/x' }]],
  [
    'a file behind a symbolic link',
    '"usr/share/out/x" of evil lies behind "usr/share/out", a symbolic link of evil',
    [
      { name: './usr/share/out', type: '2', target: '../../../canary' },
      { name: './usr/share/out/x', content: 'x' },
    ],
  ],
  [
    'a symbolic link in place of a file',
    'is there twice, and not the same',
    [
      { name: './usr/x', type: '2', target: '../../canary/x' },
      { name: './usr/x', content: 'x' },
    ],
  ],
  [
    'a directory at the top that is a link',
    'evil: "usr" is not a directory',
    [
      { name: './usr', type: '2', target: '../canary' },
      { name: './usr/x', content: 'x' },
    ],
  ],
  [
    'a hard link out of the package',
    'which leads out of the package',
    [{ name: './usr/x', type: '1', target: '/etc/passwd' }],
  ],
  ['a hard link upwards', 'which leads out of the package', [{ name: './usr/x', type: '1', target: '../evil.deb' }]],
  [
    'a hard link to a symbolic link',
    'which is no file of the package',
    [
      { name: './usr/l', type: '2', target: '/etc/passwd' },
      { name: './usr/x', type: '1', target: './usr/l' },
    ],
  ],
  ['a device', 'evil: "./usr/sda" is a block device', [{ name: './usr/sda', type: '4' }]],
  ['a character device', 'is a character device', [{ name: './usr/mem', type: '3' }]],
  ['a fifo', 'is a fifo', [{ name: './usr/pipe', type: '6' }]],
  ['a newline in a name', '"./usr/a\\nb" has a control character', [{ name: './usr/a\nb' }]],
  ['bytes that are no UTF-8', 'is not UTF-8', [{ name: Buffer.from('./usr/\xff\xfe', 'latin1') }]],
  [
    'one name twice',
    'is there twice, and not the same',
    [
      { name: './usr/x', content: '1' },
      { name: './usr/x', content: '2' },
    ],
  ],
  ['a socket', 'is not supported', [{ name: './usr/socket', type: 's' }]],
];

test.each(evil)('a package with %s is refused, and nothing is written', async (_what, why, members) => {
  const { message, files } = await outcome(debBytes(tarBytes([good, ...members])));

  expect(message).toContain(why);
  expect(files).toEqual([]);
});

test('all that is wrong is said at once', async () => {
  const members = evil.flatMap(([, , list]) => list).filter(({ type }) => type !== 's');
  const { message } = await outcome(debBytes(tarBytes([good, ...members])));

  expect(message).toContain('"/tmp/x" has an absolute name');
  expect(message).toContain('"./usr/sda" is a block device');
  expect(message).toContain('lies behind');
});

const dataOnly = (name: string, data: Buffer) =>
  arBytes([
    ['debian-binary', Buffer.from('2.0\n')],
    [name, data],
  ]);
const bzip2 = (bytes: Buffer) => execFileSync('bzip2', ['-c'], { input: bytes });
const xz = (bytes: Buffer) => execFileSync('xz', ['-c'], { input: bytes });
const large = tarBytes([
  { name: './usr/x', content: Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 241)) },
]);

test.each([
  ['a truncated data.tar.xz', dataOnly('data.tar.xz', xz(large).subarray(0, -100)), 'is damaged or truncated'],
  ['a damaged data.tar.xz', dataOnly('data.tar.xz', Buffer.concat([Buffer.alloc(20, 1), xz(large)])), 'is damaged'],
  ['a truncated data.tar.gz', dataOnly('data.tar.gz', gzipSync(large).subarray(0, -100)), 'is damaged or truncated'],
  [
    'a truncated data.tar',
    dataOnly('data.tar', large.subarray(0, 2048)),
    'the archive ends within the contents of an entry',
  ],
  [
    'a truncated data.tar.zst',
    dataOnly('data.tar.zst', zstdCompressSync(large).subarray(0, -100)),
    'is damaged or truncated',
  ],
  ['a truncated data.tar.bz2', dataOnly('data.tar.bz2', bzip2(large).subarray(0, -100)), 'is damaged or truncated'],
  ['an ar file that ends early', dataOnly('data.tar', large).subarray(0, 5000), 'ends within its member data.tar'],
  ['no data', arBytes([['debian-binary', Buffer.from('2.0\n')]]), 'has no single data.tar that we can unpack'],
  ['an unknown format', arBytes([['debian-binary', Buffer.from('3.0\n')]]), 'is not a Debian package of format 2'],
  ['no package at all', Buffer.from('<html>'), 'is not an ar archive'],
])('%s is refused with the package named', async (_what, deb, why) => {
  const { message, files } = await outcome(deb);

  expect(message).toContain('the package evil 6.6 is refused: ');
  expect(message).toContain(why);
  expect(files).toEqual([]);
});

test.each(['data.tar.gz', 'data.tar.xz', 'data.tar.zst', 'data.tar.bz2'])('a bomb in %s is stopped', async (name) => {
  const programs = { gz: 'gzip', xz: 'xz', zst: 'zstd', bz2: 'bzip2' } as const;
  const program = programs[name.slice('data.tar.'.length) as keyof typeof programs];
  const bomb = execFileSync('sh', ['-c', `head -c 40000000 /dev/zero | ${program} -c9`], { maxBuffer: 1e8 });
  const { message, files } = await outcome(dataOnly(name, bomb));

  expect(message).toMatch(/unpacks to more than \d+ bytes/);
  expect(files).toEqual([]);
});
