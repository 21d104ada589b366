import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const program = resolve(import.meta.dirname, '../../bin/sysext-agent');

let scratch: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'artifacts-'));
  mkdirSync(join(scratch, 'root/etc'), { recursive: true });
  writeFileSync(join(scratch, 'root/etc/os-release'), 'ID=debian\nVERSION_ID=13\n');
});

afterAll(() => {
  rmSync(scratch, { recursive: true });
});

const spec = `name: greeter
version: '1.0'
revision: '1'
packager: Someone <someone@example.org>
license: MIT
description: files and no package
website: https://example.org
changelog:
  - date: 2024-02-03
    author: Someone
    changes: [first]
sources:
  greet:
    inline:
      file:
        permissions: 0o750
        contents: |
          #!/bin/sh
          cat /etc/greeter/greeting
  written:
    inline:
      dir:
        files:
          greeting: {contents: "hello\\n"}
          greeter.service: {contents: "[Service]\\nExecStart=/usr/bin/greet\\n"}
          more.conf: {contents: "[Service]\\nNice=5\\n"}
  here:
    context: {}
    excludes: ['**/*.secret']
  elsewhere:
    context: {name: docs}
    path: text
artifacts:
  binaries:
    greet: {}
    here/tools/*: {}
  libs:
    here/libgreet.so.1: {subpath: greeter}
  libexec:
    here/helper: {name: assistant, permissions: 0o700}
  opt:
    here/tools: {name: greeter}
  docs:
    elsewhere/README: {}
  licenses:
    elsewhere/LICENSE: {}
  manpages:
    elsewhere/greet.1: {}
  configFiles:
    written/greeting: {subpath: greeter, permissions: 0o640}
  createDirectories:
    config: {greeter/more: {mode: 0o750}}
    state: {greeter: {}}
  systemd:
    units: {written/greeter.service: {}}
    dropins: {written/more.conf: {unit: greeter.service}}
  links:
    - {source: /usr/bin/greet, dest: /bin/hello}
  users: [{name: greeter}]
`;

/** A directory with the spec and what its sources are. */
function checkout(text = spec): string {
  const directory = mkdtempSync(join(scratch, 'checkout-'));
  mkdirSync(join(directory, 'here/tools'), { recursive: true });
  mkdirSync(join(directory, 'elsewhere/text'), { recursive: true });
  const files = ['here/libgreet.so.1', 'here/helper', 'here/tools/one', 'here/tools/two', 'here/tools/key.secret'];
  const docs = ['README', 'LICENSE', 'greet.1'].map((name) => `elsewhere/text/${name}`);
  for (const file of [...files, ...docs]) writeFileSync(join(directory, file), `${file}\n`);
  chmodSync(join(directory, 'here/libgreet.so.1'), 0o755);
  chmodSync(join(directory, 'here/tools/one'), 0o755);
  symlinkSync('/etc/shadow', join(directory, 'here/tools/link'));
  writeFileSync(join(directory, 'greeter.yml'), text);
  return directory;
}

function build(directory: string, ...more: string[]) {
  const [command, ...args] = commandFor(directory, ...more);
  return execa(command, args, { reject: false });
}

function commandFor(directory: string, ...more: string[]): [string, ...string[]] {
  const contexts = [`--context=${join(directory, 'here')}`, `--build-context=docs=${join(directory, 'elsewhere')}`];
  const common = [`--root=${join(scratch, 'root')}`, `--output=${join(directory, 'out')}`, '--json=short', '--offline'];
  return [program, 'build', join(directory, 'greeter.yml'), ...contexts, ...common, ...more];
}

async function treeOf(directory: string, image: string): Promise<string> {
  const tree = mkdtempSync(join(directory, 'tree-'));
  await execa('fsck.erofs', [`--extract=${tree}/t`, '--preserve', image]);
  return `${tree}/t`;
}

function described(tree: string, path: string): string {
  const status = lstatSync(join(tree, path));
  if (status.isSymbolicLink()) return `-> ${readlinkSync(join(tree, path))}`;
  const mode = (status.mode & 0o7777).toString(8);
  return status.isDirectory() ? `${mode}/` : `${mode} ${readFileSync(join(tree, path), 'utf8')}`;
}

/** What both families of packages have alike. */
const everywhere = {
  // The spec itself says the mode.
  'usr/bin/greet': '750 #!/bin/sh\ncat /etc/greeter/greeting\n',
  'usr/bin/link': '-> /etc/shadow',
  'usr/libexec/assistant': '700 here/helper\n',
  'opt/greeter': '755/',
  'opt/greeter/one': '755 here/tools/one\n',
  'usr/share/greeter/etc/greeter/greeting': '640 hello\n',
  'usr/share/greeter/etc/greeter/more': '750/',
  'usr/lib/tmpfiles.d/10-greeter.conf': '644 C+ /etc/greeter - - - - /usr/share/greeter/etc/greeter\n',
  'usr/lib/systemd/system/greeter.service': '644 [Service]\nExecStart=/usr/bin/greet\n',
  'usr/lib/systemd/system/greeter.service.d/more.conf': '644 [Service]\nNice=5\n',
  'usr/lib/systemd/system/multi-user.target.d/10-greeter-greeter.conf': '644 [Unit]\nUpholds=greeter.service\n',
  'usr/bin/hello': '-> /usr/bin/greet',
};

describe('a spec with files of its own', () => {
  test.each([
    [
      'trixie',
      {
        // Programs can be run, whatever the mode of the checkout is.
        'usr/bin/two': '755 here/tools/two\n',
        'usr/lib/greeter/libgreet.so.1': '644 here/libgreet.so.1\n',
        'usr/share/doc/greeter/README': '644 elsewhere/text/README\n',
        'usr/share/doc/greeter/LICENSE': '644 elsewhere/text/LICENSE\n',
        'usr/share/man/man1/greet.1.gz': `644 ${gzipSync('elsewhere/text/greet.1\n', { level: 9 }).toString('utf8')}`,
      },
    ],
    [
      'azlinux3',
      {
        'usr/bin/two': '644 here/tools/two\n',
        'usr/lib/greeter/libgreet.so.1': '755 here/libgreet.so.1\n',
        'usr/share/licenses/greeter/LICENSE': '644 elsewhere/text/LICENSE\n',
        'usr/share/man/greet.1': '644 elsewhere/text/greet.1\n',
      },
    ],
    ['azlinux4', { 'usr/lib64/greeter/libgreet.so.1': '755 here/libgreet.so.1\n' }],
  ])('is built for %s without any package, where that has its files', async (target, ofTarget) => {
    const directory = checkout();

    const { stdout, stderr, exitCode } = await build(directory, `--target=${target}`);

    expect(exitCode, stderr).toBe(0);
    const { path } = JSON.parse(stdout) as { path: string };
    expect(path).toMatch(new RegExp(`/greeter-v1\\.0-1-${target}-[a-z0-9-]+\\.raw$`));
    const tree = await treeOf(directory, path);
    const expected = { ...everywhere, ...ofTarget };
    expect(Object.fromEntries(Object.keys(expected).map((file) => [file, described(tree, file)]))).toEqual(expected);
    expect(() => lstatSync(join(tree, 'usr/bin/key.secret'))).toThrow('ENOENT');
    expect(() => lstatSync(join(tree, 'opt/greeter/key.secret'))).toThrow('ENOENT');
    expect(() => lstatSync(join(tree, 'var'))).toThrow('ENOENT');
    expect(stderr).toContain('/var/lib/greeter');
    expect(stderr).toContain('an extension makes no users or groups: greeter');
  });

  test('has the time of its newest change, whatever that of the checkout is, and the same bytes from another one', async () => {
    const [one, other] = [checkout(), checkout()];

    const [first, second] = [await build(one, '--target=trixie'), await build(other, '--target=trixie')];

    const [a, b] = [first, second].map(({ stdout }) => JSON.parse(stdout) as { path: string; sha256: string });
    expect(a?.sha256).toBe(b?.sha256);
    const tree = await treeOf(one, a?.path ?? '');
    expect(lstatSync(join(tree, 'usr/bin/two')).mtime.toISOString()).toBe('2024-02-03T00:00:00.000Z');
  });

  test('is built anew when a file of a context changed', async () => {
    const directory = checkout();
    const before = JSON.parse((await build(directory, '--target=trixie')).stdout) as { sha256: string };
    writeFileSync(join(directory, 'here/helper'), 'other\n');

    const after = JSON.parse((await build(directory, '--target=trixie')).stdout) as { path: string; sha256: string };

    expect(after.sha256).not.toBe(before.sha256);
    expect(described(await treeOf(directory, after.path), 'usr/libexec/assistant')).toBe('700 other\n');
  });

  test('is up to date where nothing changed, and what a killed build left goes all the same', async () => {
    const directory = checkout();
    const cache = join(scratch, 'root/var/cache/sysext-agent');
    const { exitCode } = await build(directory, '--target=trixie');
    const namespace = readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '');
    // More than the kernel counts to.
    const left = ['making', 'tests', 'work'].map((place) => join(cache, place, `.#of-4194305-1-${namespace}-0a`));
    for (const path of left) mkdirSync(join(path, 'layer'), { recursive: true });

    const same = await build(directory, '--target=trixie');

    expect([exitCode, (JSON.parse(same.stdout) as { unchanged: boolean }).unchanged]).toEqual([0, true]);
    expect(left.filter((path) => existsSync(path))).toEqual([]);
  });

  test.each([
    ['as it begins to copy', 'fchmod'],
    ['when all is copied', '/^rename'],
  ])('that is killed %s leaves a file which the next build removes', async (_, call) => {
    const directory = checkout();
    const command = commandFor(directory, '--target=trixie');
    const { path } = JSON.parse((await build(directory, '--target=trixie')).stdout) as { path: string };
    const out = dirname(path);
    const whole = readdirSync(out);
    rmSync(out, { recursive: true });
    const killing = ['-f', '-qq', '-o', '/dev/null', '-e', `inject=${call}:signal=KILL:when=1`];

    await execa('strace', [...killing, ...command], { reject: false });
    const left = readdirSync(out);
    const next = await build(directory, '--target=trixie');

    expect(left).toEqual([expect.stringMatching(/^\.#of-/)]);
    expect(next.exitCode, next.stderr).toBe(0);
    expect(whole).toHaveLength(3);
    expect(readdirSync(out)).toEqual(whole);
  });

  test('is refused with the place of every file that is in no source', async () => {
    const directory = checkout(
      spec.replace('here/helper:', 'here/helpers:').replace('    greet: {}', '    written/gone: {}'),
    );

    const { stderr, exitCode } = await build(directory, '--target=trixie');

    expect(exitCode).toBe(1);
    expect(stderr).toContain('artifacts.binaries["written/gone"]: no source of the spec has "written/gone"');
    expect(stderr).toContain(
      'artifacts.libexec["here/helpers"]: no source of the spec has "here/helpers", did you mean "here/helper"?',
    );
    expect(stderr).toMatch(/greeter\.yml:\d+:5: artifacts\.binaries/);
    expect(stderr).toContain('Nothing was built.');
  });

  test('is refused where a context is not given, with the way to give it', async () => {
    const directory = checkout();

    const { stderr, exitCode } = await execa(
      program,
      [
        'build',
        join(directory, 'greeter.yml'),
        `--root=${join(scratch, 'root')}`,
        '--target=trixie',
        `--context=${directory}/here`,
      ],
      { reject: false },
    );

    expect(exitCode).toBe(1);
    expect(stderr).toContain('context "docs" not found');
    expect(stderr).toContain('Give its directory with --build-context docs=DIR.');
  });

  test('cannot reach out of a context', async () => {
    const directory = checkout(spec.replace('path: text', 'path: text/../../..'));

    const { stderr, exitCode } = await build(directory, '--target=trixie');

    expect(exitCode).toBe(1);
    expect(stderr).toContain('leads out of the context');
  });
});
