import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { join, resolve } from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { ImageEntry } from '../../src/core/image-entry.ts';
import { makeErofs, makeExt4, makeGpt, makeSmallTree } from '../support/images.ts';
import { debugfsLines, entryLines, findLines, unsquashfsLines } from './support/listings.ts';

/** `inspect` as anyone runs it: as root to make the images, as nobody to look into them. */

const program = resolve(import.meta.dirname, '../../bin/sysext-agent');
const work = fs.mkdtempSync('/var/tmp/inspect-');
const at = (name: string) => join(work, name);
const tree = at('jq');
const rootPartition = '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709';

beforeAll(() => {
  fs.chmodSync(work, 0o755);
  makeSmallTree(tree);
  makeErofs(at('erofs.raw'), tree, ['-zlz4hc']);
  makeExt4(at('ext4.raw'), tree, [8192]);
  execFileSync('mksquashfs', [tree, at('squashfs.raw'), '-quiet', '-no-progress'], { stdio: 'ignore' });
  makeGpt(at('gpt.raw'), at('ext4.raw'), rootPartition);
  fs.mkdirSync(at('root/etc'), { recursive: true });
  fs.writeFileSync(at('root/etc/os-release'), 'ID=debian\nVERSION_ID=12\n');
  fs.mkdirSync(at('nobody'));
  fs.chownSync(at('nobody'), 65534, 65534);
});

afterAll(() => {
  fs.rmSync(work, { recursive: true, force: true });
});

const asNobody = ['--reuid=65534', '--regid=65534', '--clear-groups', program];

/** Runs `inspect` as nobody, on a Debian 12 that has nothing else. */
async function inspect(name: string, ...options: readonly string[]) {
  const args = [...asNobody, 'inspect', at(name), `--root=${at('root')}`, ...options];
  const env = {
    PATH: process.env['PATH'],
    HOME: at('nobody'),
    XDG_CACHE_HOME: at('nobody/cache'),
    TMPDIR: at('nobody'),
  };
  const { exitCode, stdout, stderr } = await execa('setpriv', args, { env, extendEnv: false, reject: false });
  return { exitCode, stdout, stderr };
}

interface Inspected {
  readonly format: string;
  readonly files: readonly ImageEntry[];
  readonly fits: boolean;
  readonly why: string;
}

async function inspectJson(name: string, ...options: readonly string[]): Promise<Inspected> {
  const { exitCode, stdout, stderr } = await inspect(name, '--name=jq', '--json', ...options);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return JSON.parse(stdout) as Inspected;
}

describe('without root, --files lists', () => {
  test('of an erofs image what fsck.erofs extracts', async () => {
    execFileSync('fsck.erofs', [`--extract=${at('extracted')}`, '--preserve', at('erofs.raw')], { stdio: 'ignore' });
    // fsck.erofs 1.5 sets the mode before the owner, which takes setuid away.
    fs.chmodSync(at('extracted/usr/share/tool'), 0o4755);

    const { format, files } = await inspectJson('erofs.raw', '--files');

    expect(format).toBe('erofs');
    expect(entryLines(files)).toEqual(findLines(at('extracted')));
  });

  test('of a squashfs image what unsquashfs lists', async () => {
    const { format, files } = await inspectJson('squashfs.raw', '--files');

    expect(format).toBe('squashfs');
    expect(entryLines(files)).toEqual(unsquashfsLines(at('squashfs.raw')));
    expect(files).toHaveLength(findLines(tree).length);
  });

  test('of an ext4 image what debugfs lists', async () => {
    const { format, files } = await inspectJson('ext4.raw', '--files');

    expect(format).toBe('ext4');
    expect(entryLines(files)).toEqual(debugfsLines(at('ext4.raw')));
    expect(files).toHaveLength(findLines(tree).length + 1);
  });

  test('of a disk image what is in the partition that systemd takes', async () => {
    const { files, ...disk } = await inspectJson('gpt.raw', '--files');

    expect(disk).toMatchObject({
      format: 'ext4',
      partitions: [
        { type: 'root-x86-64', offset: 32_768, size: 8_388_608 },
        { type: 'root-verity-x86-64', size: 524_288 },
      ],
    });
    expect(entryLines(files)).toEqual(debugfsLines(at('ext4.raw')));
  });

  test('of a directory what find does', async () => {
    const { format, files } = await inspectJson('jq', '--files');

    expect(format).toBe('directory');
    expect(entryLines(files)).toEqual(findLines(tree));
  });
});

test('a list for people has mode, owner, size and path, and where links lead', async () => {
  const { stdout } = await inspect('erofs.raw', '--name=jq', '--files');

  expect(stdout).toMatch(/^-4755 +70000:1001 +5502 +\/usr\/share\/tool$/m);
  expect(stdout).toMatch(/^l0777 +0:0 +5 +\/usr\/share\/short -> words$/m);
  expect(stdout).toMatch(/^d0755 +0:0 +\d+ +\/usr\/share$/m);
});

describe('whether it fits', () => {
  test('is said with what was found in it, and that it has no list of packages', async () => {
    const { exitCode, stdout, stderr } = await inspect('gpt.raw', '--name=jq');

    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/^Name: +jq$/m);
    expect(stdout).toMatch(/^Format: +gpt, ext4 in it, /m);
    expect(stdout).toMatch(/^ {2}ID=_any$/m);
    expect(stdout).toMatch(/^Fits: +no: .* is refused for what it holds: device, setuid, file-capabilities, owner$/m);
    expect(stdout).toMatch(/^refused: setuid: \/usr\/share\/tool: /m);
    expect(stdout).toMatch(/^refused: device: \/usr\/share\/fifo: /m);
    expect(stdout).toMatch(/^Packages: +unknown, it carries no list of them$/m);
  });

  test.each([
    ['ID=debian\nVERSION_ID=13\n', true],
    ['ID=fedora\nVERSION_ID=44\n', false],
  ])('is asked of the system that --os-release describes: %j', async (osRelease, fits) => {
    const releases = at('trixie/usr/lib/extension-release.d');
    fs.mkdirSync(releases, { recursive: true });
    fs.writeFileSync(join(releases, 'extension-release.trixie'), 'ID=debian\nVERSION_ID=13\n');
    fs.writeFileSync(at('trixie/usr/lib/x'), '');
    makeErofs(at('trixie.raw'), at('trixie'), ['--all-root']);
    fs.writeFileSync(at('os-release'), osRelease);

    const args = ['--json', `--os-release=${at('os-release')}`];
    const { stdout } = await inspect('trixie.raw', ...args);
    const here = await inspect('trixie.raw', '--json');

    expect(JSON.parse(stdout)).toMatchObject({ name: 'trixie', fits, packages: null, findings: [] });
    expect(JSON.parse(here.stdout)).toMatchObject({
      fits: false,
      why: expect.stringContaining('VERSION_ID=13') as string,
    });
  });
});

test('what is no image is told in one line', async () => {
  fs.writeFileSync(at('none.raw'), 'no image');

  expect(await inspect('none.raw')).toMatchObject({
    stdout: '',
    stderr: expect.stringContaining(`${at('none.raw')} is no image that systemd-sysext could merge: `) as string,
  });
});
