import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createExec, type Exec } from '../../src/host/exec.ts';
import { listTree } from '../../src/host/directory-tree.ts';
import { erofsSample } from '../unit/host/erofs-samples.ts';
import { listImage, readImageFacts, type ImageEntry } from '../../src/systemd/image.ts';

/** Needs root (owners, devices, loop devices), erofs-utils, squashfs-tools, e2fsprogs, attr and systemd-dissect. */

const exec = createExec(process.env);
const noExec: Exec = { run: (program) => Promise.reject(new Error(`${program} was run`)) };
// The attributes of users need a file system that has them, which a tmpfs may not.
const work = fs.mkdtempSync('/var/tmp/image-reading-');
const tree = join(work, 'tree');
const releases = 'usr/lib/extension-release.d';
const strict = 'user.extension-release.strict';

function run(program: string, ...args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function write(path: string, text: string | Buffer, mode = 0o644): void {
  fs.mkdirSync(join(tree, path, '..'), { recursive: true });
  fs.writeFileSync(join(tree, path), text);
  fs.chmodSync(join(tree, path), mode);
}

const erofsBuilds: readonly (readonly [name: string, ...options: string[]])[] = [
  ['plain.raw'],
  ['lz4hc.raw', '-zlz4hc'],
  ['big-clusters.raw', '-zlz4hc', '-C65536'],
  ['legacy.raw', '-zlz4hc', '-Elegacy-compress'],
  ['compact.raw', '-Eforce-inode-compact', '--ignore-mtime', '-T1700000000'],
  ['extended.raw', '-Eforce-inode-extended'],
  ['chunks.raw', '--chunksize=8192'],
  ['no-inline.raw', '-Enoinline_data'],
  ['shared-attributes.raw', '-x1'],
];
const erofsNames = erofsBuilds.map(([name]) => name);

const squashfsBuilds = ['gzip', 'zstd', 'xz'] as const;

/** A tree with everything a tree can hold. */
function makeTree(): void {
  write(`${releases}/extension-release.jq`, 'ID=_any\n');
  run('setfattr', '-n', strict, '-v', 'false', join(tree, releases, 'extension-release.jq'));
  write(`${releases}/extension-release.other`, 'ID=debian\nVERSION_ID=12\n');
  fs.symlinkSync('extension-release.other', join(tree, releases, 'extension-release.link'));
  write('usr/bin/jq', '#!/bin/sh\n');
  fs.chownSync(join(tree, 'usr/bin/jq'), 1000, 1001);
  fs.chmodSync(join(tree, 'usr/bin/jq'), 0o6755);
  write('usr/bin/big', Buffer.alloc(3_000_001, 'abcdefg'));
  write('usr/share/a name with spaces -> and an arrow', 'x');
  write('usr/share/two\nlines', 'x');
  write('usr/share/\\ and "quotes" é', 'x');
  fs.symlinkSync('a -> b\nc', join(tree, 'usr/share/x -> y'));
  fs.linkSync(join(tree, 'usr/bin/big'), join(tree, 'usr/bin/hard'));
  for (let i = 0; i < 700; i++) write(`usr/share/many/${'file'.repeat(1 + (i % 9))}-${i}`, 'x'.repeat(i * 20));
  fs.mkdirSync(join(tree, 'opt'));
  fs.mkdirSync(join(tree, 'usr/tmp'));
  fs.chmodSync(join(tree, 'usr/tmp'), 0o1777);
  run('mkfifo', join(tree, 'usr/share/fifo'));
  run('mknod', join(tree, 'usr/share/null'), 'c', '1', '3');
  run('mknod', join(tree, 'usr/share/disk'), 'b', '8', '0');
  run('find', tree, '-exec', 'touch', '-h', '-d', '@1700000000', '{}', '+');
}

const image = (name: string) => join(work, name);

beforeAll(() => {
  makeTree();
  for (const [name, ...options] of erofsBuilds) run('mkfs.erofs', ...options, image(name), tree);
  for (const compression of squashfsBuilds) {
    run('mksquashfs', tree, image(`${compression}.squashfs.raw`), '-quiet', '-no-progress', '-comp', compression);
  }
  run('truncate', '-s', '64M', image('ext4.raw'));
  run('mkfs.ext4', '-q', '-d', tree, image('ext4.raw'));
});

afterAll(() => {
  fs.rmSync(work, { recursive: true, force: true });
});

const expectedReleases = [
  { name: 'extension-release.jq', regular: true, text: 'ID=_any\n', strict: 'false' },
  { name: 'extension-release.link', regular: false, text: 'ID=debian\nVERSION_ID=12\n' },
  { name: 'extension-release.other', regular: true, text: 'ID=debian\nVERSION_ID=12\n' },
];

/** What every way of packing keeps: the size of a directory is each file system's own, times are those of the minute. */
function comparable(entries: readonly ImageEntry[]): unknown[] {
  return entries
    .filter((entry) => !entry.path.startsWith('lost+found'))
    .map((entry) => ({
      ...entry,
      size: entry.kind === 'directory' ? 0 : entry.size,
      mtime: Math.floor(entry.mtime / 60),
    }));
}

const input = () => comparable(listTree(tree));

describe('an erofs image', () => {
  test.each(erofsNames)('%s shows its facts without running a program', async (name) => {
    expect(await readImageFacts(image(name), noExec)).toMatchObject({
      format: 'erofs',
      releaseFiles: expectedReleases,
      hasOsRelease: false,
      hierarchies: ['usr'],
    });
  });

  test.each(erofsNames)('%s lists the tree that went in', async (name) => {
    expect(comparable(await listImage(image(name), noExec))).toEqual(input());
  });

  test.each(['plain.raw', 'lz4hc.raw'])('%s lists what fsck.erofs unpacks', async (name) => {
    const unpacked = join(work, `unpacked-${name}`);
    run('fsck.erofs', `--extract=${unpacked}`, '--preserve', image(name));
    // fsck.erofs 1.5 sets the mode before the owner, which takes setuid and setgid away.
    const plain = (entries: readonly ImageEntry[]) => entries.map((entry) => ({ ...entry, mode: entry.mode & 0o1777 }));
    expect(comparable(plain(await listImage(image(name), noExec)))).toEqual(comparable(plain(listTree(unpacked))));
  });

  test('cut at any power of two is refused, and says what is wrong', async () => {
    const whole = fs.readFileSync(image('plain.raw'));
    for (let size = 1; size < whole.length; size *= 2) {
      fs.writeFileSync(image('cut.raw'), whole.subarray(0, size));
      await expect(readImageFacts(image('cut.raw'), noExec)).rejects.toMatchObject({
        code: 'invalid-image',
        message: expect.stringMatching(/cut\.raw (is truncated|is damaged|is no image)/) as string,
      });
    }
  });

  test('a release file that is packed in fragments is left to erofs-utils', async () => {
    fs.writeFileSync(image('packed.raw'), erofsSample('packed'));
    await expect(readImageFacts(image('packed.raw'), noExec)).rejects.toThrow(/fsck\.erofs was run/);
  });
});

describe('a squashfs image', () => {
  test.each(squashfsBuilds)('of %s shows its facts and lists the tree that went in', async (compression) => {
    const path = image(`${compression}.squashfs.raw`);
    expect(await readImageFacts(path, exec)).toMatchObject({
      format: 'squashfs',
      releaseFiles: expectedReleases,
      hasOsRelease: false,
      hierarchies: ['usr'],
    });
    expect(comparable(await listImage(path, exec))).toEqual(input());
  });

  test('cut at any power of two is refused', async () => {
    const whole = fs.readFileSync(image('gzip.squashfs.raw'));
    for (let size = 1; size < whole.length; size *= 2) {
      fs.writeFileSync(image('cut.raw'), whole.subarray(0, size));
      await expect(readImageFacts(image('cut.raw'), noExec)).rejects.toMatchObject({ code: 'invalid-image' });
    }
  });

  test('with garbage for its tables is refused with what unsquashfs says', async () => {
    const bytes = fs.readFileSync(image('gzip.squashfs.raw'));
    bytes.fill(0xa5, 96);
    fs.writeFileSync(image('garbage.raw'), bytes);
    await expect(readImageFacts(image('garbage.raw'), exec)).rejects.toMatchObject({
      code: 'invalid-image',
      message: `${image('garbage.raw')} is damaged: unsquashfs cannot read it`,
    });
  });
});

/** Types of partitions (UAPI.2, Discoverable Partitions). */
const rootPartition = '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709';
const usrPartition = '8484680C-9521-48C6-9C11-B0720656F69E';
const verityPartition = '2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5';
const foreignPartition = 'B921B045-1DF0-41C3-AF44-4C6F280D3FAE';

/** Puts a file system at 1 MiB of a disk image, and an empty partition of another type behind it. */
function makeDisk(name: string, inside: string, type: string, other = verityPartition): void {
  const sectors = Math.ceil(fs.statSync(image(inside)).size / 512);
  const behind = 2048 + Math.ceil(sectors / 2048) * 2048;
  run('truncate', `--size=${(behind + 8192) * 512}`, image(name));
  const table = `label: gpt\nstart=2048, size=${sectors}, type=${type}\nstart=${behind}, size=2048, type=${other}\n`;
  execFileSync('sfdisk', ['--quiet', image(name)], { input: table, stdio: ['pipe', 'ignore', 'pipe'] });
  run('dd', `if=${image(inside)}`, `of=${image(name)}`, 'bs=1M', 'seek=1', 'conv=notrunc', 'status=none');
}

describe('a disk image', () => {
  test.each([
    ['ext4', 'ext4.raw'],
    ['erofs', 'lz4hc.raw'],
    ['squashfs', 'zstd.squashfs.raw'],
  ])('with a root partition of %s is read without mounting it', async (format, inside) => {
    makeDisk('gpt.raw', inside, rootPartition);
    const reader = format === 'squashfs' ? exec : noExec;
    expect(await readImageFacts(image('gpt.raw'), reader)).toMatchObject({
      format,
      partitions: [{ type: 'root-x86-64' }, { type: 'root-verity-x86-64' }],
      releaseFiles: expectedReleases,
      hierarchies: ['usr'],
    });
    expect(comparable(await listImage(image('gpt.raw'), reader))).toEqual(input());
  });

  test('with a usr partition has everything below usr', async () => {
    run('mkfs.erofs', image('usr.raw'), join(tree, 'usr'));
    makeDisk('gpt.raw', 'usr.raw', usrPartition);
    expect(await readImageFacts(image('gpt.raw'), noExec)).toMatchObject({
      format: 'erofs',
      releaseFiles: expectedReleases,
      hierarchies: ['usr'],
    });
    const below = (entries: readonly ImageEntry[]) => entries.filter(({ path }) => path.startsWith('usr/'));
    expect(comparable(below(await listImage(image('gpt.raw'), noExec)))).toEqual(comparable(below(listTree(tree))));
  });

  test('of another architecture is refused with its partitions', async () => {
    makeDisk('gpt.raw', 'plain.raw', foreignPartition);
    await expect(readImageFacts(image('gpt.raw'), noExec)).rejects.toMatchObject({
      message: `${image('gpt.raw')} has no partition for an extension on x86-64`,
      details: { facts: ['it has: root-arm64', 'it has: root-verity-x86-64'] },
    });
  });

  test('with several partitions to choose from is opened by systemd-dissect', async () => {
    makeDisk('gpt.raw', 'ext4.raw', rootPartition, usrPartition);
    await expect(readImageFacts(image('gpt.raw'), noExec)).rejects.toThrow('systemd-dissect was run');
  });

  test('with one byte of its partition table changed is refused', async () => {
    makeDisk('gpt.raw', 'plain.raw', rootPartition);
    const whole = fs.readFileSync(image('gpt.raw'));
    for (const [at, message] of [
      [450, 'without the MBR that protects it'],
      [512 + 72, 'the head of its partition table does not match its checksum'],
      [1024 + 40, 'its partition table does not match its checksum'],
    ] as const) {
      const bytes = Buffer.from(whole);
      bytes.writeUInt8(bytes.readUInt8(at) ^ 0xff, at);
      fs.writeFileSync(image('gpt.raw'), bytes);
      await expect(readImageFacts(image('gpt.raw'), noExec)).rejects.toThrow(message);
    }
  });

  test('that is cut is refused before anything opens it', async () => {
    fs.writeFileSync(image('cut.raw'), fs.readFileSync(image('ext4.raw')).subarray(0, 32 * 1024 * 1024));
    await expect(readImageFacts(image('cut.raw'), noExec)).rejects.toThrow(
      `${image('cut.raw')} is truncated: its superblock promises 67108864 bytes, the file has 33554432`,
    );
  });
});

describe('a directory', () => {
  test('shows its facts and lists itself', async () => {
    expect(await readImageFacts(tree, exec)).toMatchObject({
      format: 'directory',
      releaseFiles: expectedReleases,
      hasOsRelease: false,
      hierarchies: ['usr'],
    });
    expect((await listImage(tree, exec)).map((entry) => entry.path)).toEqual(listTree(tree).map((entry) => entry.path));
  });

  test('is read without another program where a release file bears the name of the image', async () => {
    const withoutAttributes = expectedReleases.map(({ name, regular, text }) => ({ name, regular, text }));
    expect((await readImageFacts(tree, noExec, 'jq')).releaseFiles).toEqual(withoutAttributes);
    await expect(readImageFacts(tree, noExec, 'jq2')).rejects.toThrow('getfattr was run');
  });

  test('shows nothing of what lies outside of it', async () => {
    const outside = join(work, 'outside');
    fs.mkdirSync(join(outside, 'usr'), { recursive: true });
    fs.symlinkSync('/etc', join(outside, 'usr/lib'));
    fs.symlinkSync('/usr', join(outside, 'opt'));
    expect(await readImageFacts(outside, exec)).toMatchObject({
      format: 'directory',
      releaseFiles: [],
      hasOsRelease: false,
      hierarchies: ['usr', 'opt'],
    });
  });
});

describe('what is no image', () => {
  test.each([
    ['empty', Buffer.alloc(0), /is empty$/],
    ['zeros', Buffer.alloc(1 << 20), /neither erofs, squashfs, ext4, btrfs nor a GPT disk image$/],
    ['a text', Buffer.from('#!/bin/sh\n'.repeat(1000)), /is no image that systemd-sysext could merge/],
  ])('%s', async (_title, bytes, message) => {
    fs.writeFileSync(image('none.raw'), bytes);
    await expect(readImageFacts(image('none.raw'), noExec)).rejects.toMatchObject({
      code: 'invalid-image',
      message: expect.stringMatching(message) as string,
    });
  });

  test('nothing', async () => {
    await expect(readImageFacts(image('nothing.raw'), noExec)).rejects.toMatchObject({ code: 'no-such-file' });
  });

  test('a fifo is not waited for', async () => {
    run('mkfifo', image('fifo.raw'));
    await expect(readImageFacts(image('fifo.raw'), noExec)).rejects.toThrow(/neither a regular file nor a directory/);
  });

  test('two images in one file', async () => {
    const bytes = fs.readFileSync(image('plain.raw'));
    fs.readFileSync(image('gzip.squashfs.raw')).copy(bytes, 0, 0, 96);
    fs.writeFileSync(image('two.raw'), bytes);
    await expect(readImageFacts(image('two.raw'), noExec)).rejects.toThrow(
      /ambiguous: it says it is erofs and squashfs/,
    );
  });
});

test('a path that begins with a dash is no option', async () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'dash-'));
  const before = process.cwd();
  try {
    fs.copyFileSync(image('gzip.squashfs.raw'), join(directory, '-x.raw'));
    process.chdir(directory);
    expect((await readImageFacts('-x.raw', exec)).format).toBe('squashfs');
  } finally {
    process.chdir(before);
    fs.rmSync(directory, { recursive: true });
  }
});

test('a link to an image is the image', async () => {
  fs.symlinkSync('plain.raw', image('link.raw'));
  expect((await readImageFacts(image('link.raw'), noExec)).format).toBe('erofs');
});
