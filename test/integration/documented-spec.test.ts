import {
  copyFileSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const checkout = resolve(import.meta.dirname, '../..');

/** Scratch roots with this host's apt configuration: each has a cache of its own. */
let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'documented-'));
});

afterAll(() => {
  rmSync(scratch, { recursive: true });
});

function makeRoot(name: string): string {
  const root = join(scratch, name);
  mkdirSync(join(root, 'etc'), { recursive: true });
  copyFileSync('/etc/os-release', join(root, 'etc/os-release'));
  cpSync('/etc/apt', join(root, 'etc/apt'), { recursive: true });
  return root;
}

interface Built {
  readonly path: string;
  readonly sha256: string;
}

async function build(spec: string, root: string, ...more: string[]): Promise<Built> {
  const args = [
    'build',
    spec,
    '--target=trixie',
    `--root=${root}`,
    `--output=${join(root, 'out')}`,
    '--json=short',
    ...more,
  ];
  const { stdout } = await execa(join(checkout, 'bin/sysext-agent'), args);
  return JSON.parse(stdout) as Built;
}

/** Extracts an image and gives back the directory; fsck.erofs checks it on the way. */
async function extract(image: string): Promise<string> {
  const directory = mkdtempSync(join(scratch, 'extracted-'));
  await execa('fsck.erofs', [`--extract=${join(directory, 'tree')}`, '--preserve', image]);
  return join(directory, 'tree');
}

function modeOf(path: string): string {
  return (lstatSync(path).mode & 0o7777).toString(8);
}

const packages = (names: readonly string[]) => names.map((name) => `    ${name}:\n`).join('');

describe('the my-sysext of the documentation of Dalec, for trixie', () => {
  let built: Built;
  let tree: string;

  beforeAll(async () => {
    built = await build(join(checkout, 'examples/my-sysext.yml'), makeRoot('one'));
    tree = await extract(built.path);
  });

  test('has the documented file name', () => {
    expect(built.path).toBe(join(scratch, 'one/out/my-sysext-v0.1.0-1-trixie-x86-64.raw'));
  });

  test('says what it is, in these bytes', () => {
    const directory = join(tree, 'usr/lib/extension-release.d');

    expect(readFileSync(join(directory, 'extension-release.my-sysext'), 'utf8')).toBe(
      'ID=_any\nARCHITECTURE=x86-64\nEXTENSION_RELOAD_MANAGER=1\n',
    );
    expect(readlinkSync(join(directory, 'extension-release.my-sysext-v0.1.0-1-trixie-x86-64'))).toBe(
      'extension-release.my-sysext',
    );
    expect(modeOf(join(directory, 'extension-release.my-sysext'))).toBe('644');
    expect(modeOf(directory)).toBe('755');
  });

  test('holds exactly the two packages, not what they depend on', () => {
    expect(['jq', 'zsh'].map((name) => modeOf(join(tree, 'usr/bin', name)))).toEqual(['755', '755']);
    expect(
      ['usr/lib/x86_64-linux-gnu/libjq.so.1', 'usr/bin/bash', 'usr/share/zsh/functions'].filter((path) =>
        existsSync(join(tree, path)),
      ),
    ).toEqual([]);
  });

  test('belongs to root', async () => {
    const { stdout } = await execa('find', [tree, '-mindepth', '1', '!', '(', '-uid', '0', '-gid', '0', ')']);

    expect(stdout).toBe('');
  });

  test('is the same to the byte when it is built again, elsewhere', async () => {
    const again = await build(join(checkout, 'examples/my-sysext.yml'), makeRoot('two'));

    expect(again.sha256).toBe(built.sha256);
    expect(readFileSync(again.path).equals(readFileSync(built.path))).toBe(true);
  });
});

describe('a package with configuration and a service', () => {
  let tree: string;

  beforeAll(async () => {
    const spec = join(scratch, 'rsync.yml');
    writeFileSync(
      spec,
      `name: my-rsync\nversion: 1\nlicense: GPL-3.0\ndependencies:\n  sysext:\n${packages(['rsync'])}`,
    );
    tree = await extract(
      (await build(spec, makeRoot('three'), '--build-arg', 'DALEC_SYSEXT_IMAGE_NAME=my-rsync')).path,
    );
  });

  test('has its files of /etc below /usr/share, and a tmpfiles.d line for each entry', () => {
    expect(existsSync(join(tree, 'etc'))).toBe(false);
    expect(existsSync(join(tree, 'usr/share/my-rsync/etc/default/rsync'))).toBe(true);
    expect(readFileSync(join(tree, 'usr/lib/tmpfiles.d/10-my-rsync.conf'), 'utf8')).toBe(
      ['default', 'init.d'].map((entry) => `C+ /etc/${entry} - - - - /usr/share/my-rsync/etc/${entry}\n`).join(''),
    );
  });

  test('has its service kept up while the system is', () => {
    const dropIn = join(tree, 'usr/lib/systemd/system/multi-user.target.d/10-my-rsync-rsync.conf');

    expect(readFileSync(dropIn, 'utf8')).toBe('[Unit]\nUpholds=rsync.service\n');
    expect(modeOf(dropIn)).toBe('644');
  });

  test('needs no second name where the image is called like the extension', () => {
    expect(statSync(join(tree, 'usr/lib/extension-release.d/extension-release.my-rsync')).isFile()).toBe(true);
    expect(readFileSync(join(tree, 'usr/lib/extension-release.d/extension-release.my-rsync'), 'utf8')).toMatch(
      /^ID=_any\n/,
    );
  });

  test('has no directory at its root but usr', async () => {
    expect((await execa('ls', ['-A', tree])).stdout).toBe('usr');
  });
});
