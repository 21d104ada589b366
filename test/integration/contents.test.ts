import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { CommandResult } from '../lab/command.ts';
import { quickRoot, type QuickRoot } from '../lab/quick.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { releaseOf, type ImageFiles } from './support/images.ts';

const program = resolve(import.meta.dirname, '../../bin/sysext-agent');

let host: QuickRoot;

beforeAll(async () => {
  host = await quickRoot({
    files: {
      '/etc/os-release': 'ID=debian\nVERSION_ID=12\n',
      '/usr/bin/jq': 'of the host',
      '/usr/bin/owned': 'of an rpm package',
      '/usr/lib/base': '',
      '/var/lib/dpkg/info/jq:amd64.list': '/.\n/usr\n/usr/bin\n/usr/bin/jq\n',
    },
  });
  symlinkSync('bin', join(host.root, 'usr/sbin'));
});

afterAll(async () => {
  await host.stop();
});

async function agent(...args: string[]): Promise<CommandResult> {
  return host.run([program, ...args, `--root=${host.root}`]);
}

async function agentOk(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await agent(...args);
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stdout}${stderr}`);
  return stdout;
}

async function agentJson(...args: string[]): Promise<unknown> {
  return JSON.parse((await agent(...args, '--json')).stdout);
}

/** Puts a file below the root of the host. */
function put(path: string, text: string): void {
  mkdirSync(dirname(join(host.root, path)), { recursive: true });
  writeFileSync(join(host.root, path), text);
}

/** An image of an extension with these files, changed by a shell script before it is made. */
function imageOf(name: string, files: ImageFiles, script = ''): string {
  using work = temporaryDirectory();
  for (const [path, text] of Object.entries({ ...releaseOf(name), ...files })) {
    mkdirSync(dirname(work.at(`tree/${path}`)), { recursive: true });
    writeFileSync(work.at(`tree/${path}`), text);
  }
  execFileSync('sh', ['-euc', script], { cwd: work.at('tree') });
  const image = join(host.root, `${name}.raw`);
  execFileSync('mkfs.erofs', ['--quiet', image, work.at('tree')], { stdio: 'pipe' });
  return image;
}

describe('what no image may hold', () => {
  test.each<[what: string, files: ImageFiles, script: string, said: string]>([
    ['the C library', { 'usr/lib/libc.so.6': '' }, '', 'host-libc: /usr/lib/libc.so.6: every program of this host'],
    ['a directory over a link', { 'usr/sbin/bad': '' }, '', '/usr/sbin is a directory in it, and a symlink on this'],
    ['a device', {}, 'mknod usr/null c 1 3', 'device: /usr/null: no extension needs devices'],
    ['an os-release file', { 'usr/lib/os-release': '' }, '', 'os-release: /usr/lib/os-release: an image with this'],
    ['systemd', { 'usr/lib/systemd/systemd-udevd': '' }, '', 'systemd: /usr/lib/systemd/systemd-udevd: they are'],
    ['a release file of another', releaseOf('other'), '', 'extension-release.other: it would speak for another'],
    ['files of this program', { 'usr/lib/sysext-agent/x': '' }, '', 'own-files: /usr/lib/sysext-agent/x'],
  ])('%s is refused, and nothing is changed', async (_, files, script, said) => {
    const image = imageOf('bad', files, script);

    const refused = await agent('install', image);

    expect(refused).toMatchObject({ exitCode: 7, stdout: '' });
    expect(refused.stderr).toContain(`${image} is refused for what it holds`);
    expect(refused.stderr).toContain(said);
    expect(refused.stderr).toContain('Nothing was changed.');
    expect(await agentJson('list')).toMatchObject({ extensions: [] });
  });

  test('is all told at once', async () => {
    const image = imageOf('bad', { 'usr/lib/libc.so.6': '', 'usr/bin/root': '' }, 'chmod 4755 usr/bin/root');

    const { stderr } = await agent('install', image);

    expect(stderr).toContain('is refused for what it holds: host-libc, setuid');
    expect(stderr).toContain('Where it is meant: --allow=host-libc --allow=setuid, or in /etc/sysext-agent/agent.yml');
  });

  test('cannot be allowed by a name that is misspelt, or of a rule without exceptions', async () => {
    const misspelt = await agent('install', '--allow=setiud', 'x.raw');
    const never = await agent('install', '--allow=device', 'x.raw');

    expect(misspelt).toMatchObject({ exitCode: 2, stdout: '' });
    expect(misspelt.stderr).toContain('--allow: there is no rule "setiud", did you mean "setuid"?');
    expect(never).toMatchObject({ exitCode: 2, stdout: '' });
    expect(never.stderr).toContain('"device" cannot be allowed');
  });
});

describe('a setuid program', () => {
  const make = () => imageOf('root', { 'usr/bin/root': '' }, 'chmod 4755 usr/bin/root');

  test('is asked about, with the ways to allow it', async () => {
    const refused = await agent('install', make());

    expect(refused).toMatchObject({ exitCode: 7, stdout: '' });
    expect(refused.stderr).toContain('setuid: /usr/bin/root: whoever runs such a program has the rights of its owner');
    expect(refused.stderr).toContain(
      'Where it is meant: --allow=setuid, or in /etc/sysext-agent/agent.yml `extensions: {root: {allow: [setuid]}}`',
    );
  });

  test('is installed with --allow, and the history keeps that', async () => {
    await agentOk('install', '--allow=setuid', make());

    const [{ id }] = ((await agentJson('history', '--limit=1')) as { operations: [{ id: number }] }).operations;
    expect(await agentOk('history', String(id))).toContain('allowed: setuid (by --allow): /usr/bin/root\n');
    const allowed = [{ rule: 'setuid', by: '--allow', paths: ['/usr/bin/root'], count: 1 }];
    expect(await agentJson('history', String(id))).toMatchObject({ operation: { extensions: [{ allowed }] } });
    expect(await agentJson('list')).toMatchObject({ extensions: [{ name: 'root', allowed }] });
    expect(await agentOk('explain', 'root')).toContain('Allowed in it: setuid (by --allow): /usr/bin/root.');
    await agentOk('remove', 'root');
  });

  test('is installed where the configuration allows it in this extension', async () => {
    put('etc/sysext-agent/agent.d/root.yml', 'extensions:\n  root: {allow: [setuid]}\n');
    const other = imageOf('other', { 'usr/bin/other': '' }, 'chmod 4755 usr/bin/other');

    expect(await agent('install', other)).toMatchObject({ exitCode: 7 });
    await agentOk('install', make());

    expect(await agentOk('explain', 'root')).toContain('agent.d/root.yml): /usr/bin/root.');
    await agentOk('remove', 'root');
  });

  test('is not where the configuration is wrong', async () => {
    put('etc/sysext-agent/agent.d/root.yml', 'extensions:\n  root: {allow: [setiud]}\n');

    const refused = await agent('install', make());
    rmSync(join(host.root, 'etc/sysext-agent'), { recursive: true });

    expect(refused).toMatchObject({ exitCode: 1, stdout: '' });
    expect(refused.stderr).toContain('root.yml:2:18: extensions.root.allow[0]: there is no rule "setiud"');
  });
});

describe('check', () => {
  test('tells every finding, and ends as install would', async () => {
    const image = imageOf('tool', { 'usr/bin/jq': '', 'usr/bin/root': '', 'etc/x': '' }, 'chmod 4755 usr/bin/root');

    const refused = await agent('check', image);

    expect(refused.exitCode).toBe(7);
    expect(refused.stdout.split('\n').filter((line) => !line.startsWith('  '))).toEqual([
      expect.stringMatching(/^refused: setuid: \/usr\/bin\/root: /),
      expect.stringMatching(/^note: shadowed-file: \/usr\/bin\/jq: .*; package jq$/),
      expect.stringMatching(/^note: not-merged-path: \/etc\/x: /),
      '',
    ]);
    expect(refused.stderr).toContain('--allow=setuid');
    expect(await agent('check', image, '--allow=setuid')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^tool fits: .*\nallowed by --allow: setuid: /),
      stderr: '',
    });
  });

  test('gives the same as JSON', async () => {
    const image = imageOf('tool', { 'usr/bin/root': '' }, 'chmod 4755 usr/bin/root');
    const finding = {
      rule: 'setuid',
      severity: 'ask',
      paths: ['/usr/bin/root'],
      message: expect.stringContaining('/usr/bin/root: '),
      remedy: expect.stringContaining('setuid'),
    };

    expect(await agentJson('check', image)).toMatchObject({
      fits: false,
      error: `${image} is refused for what it holds: setuid`,
      findings: [{ ...finding, verdict: 'refused', allowedBy: null }],
    });
    expect(await agentJson('check', image, '--allow=setuid')).toMatchObject({
      fits: true,
      findings: [{ ...finding, verdict: 'allowed', allowedBy: '--allow' }],
    });
  });

  test('asks nothing of this host where another is meant', async () => {
    const image = imageOf('tool', { 'usr/bin/jq': '', 'usr/sbin/x': '' });
    put('other-release', 'ID=fedora\nVERSION_ID=44\n');

    expect(await agentJson('check', image, `--os-release=${host.root}/other-release`)).toMatchObject({
      fits: true,
      findings: [],
    });
  });

  test('names the rpm package of a file', async () => {
    using work = temporaryDirectory();
    const spec = ['Name: owning', 'Version: 1', 'Release: 1', 'Summary: x', 'License: MIT', 'BuildArch: noarch'];
    const rest = [
      '%description',
      'x',
      '%install',
      'install -D /dev/null %{buildroot}/usr/bin/owned',
      '%files',
      '/usr/bin/owned',
    ];
    writeFileSync(work.at('owning.spec'), [...spec, ...rest, ''].join('\n'));
    execFileSync('rpmbuild', ['-bb', '--quiet', `--define=_topdir ${work.at('top')}`, work.at('owning.spec')], {
      stdio: 'pipe',
    });
    const rpm = work.at('top/RPMS/noarch/owning-1-1.noarch.rpm');
    const into = [`--root=${host.root}`, '--dbpath=/var/lib/rpm', '--install', '--justdb', '--nodeps'];
    execFileSync('rpm', [...into, rpm], { stdio: 'pipe' });

    expect(await agentOk('check', imageOf('tool', { 'usr/bin/owned': '' }))).toContain(
      'note: shadowed-file: /usr/bin/owned: this host has the same, which would be hidden; package owning\n',
    );
  });
});

describe('with others merged', () => {
  test('what shadows or is hidden is told at install', async () => {
    await agentOk('install', imageOf('alpha', { 'usr/bin/shared': '', 'usr/share/alpha/x': '' }));
    const middle = await agent('install', imageOf('middle', { 'usr/bin/shared': '', 'usr/bin/jq': '' }));
    const again = await agent('install', join(host.root, 'alpha.raw'));

    expect(middle).toMatchObject({ exitCode: 0 });
    expect(middle.stderr).toContain('note: middle: /usr/bin/jq: this host has the same');
    expect(middle.stderr).toContain(
      '/usr/bin/shared: alpha has the same, which would be hidden: middle is the greater',
    );
    expect(again.stderr).toContain('/usr/bin/shared: middle has the same, which would hide it');
    expect(again.stderr).not.toContain('this host has the same');
  });

  test('a new version may have a directory where the old one had a link', async () => {
    await agentOk('install', imageOf('moved', { 'usr/share/moved/a': '' }, 'ln -s moved usr/share/data'));

    await agentOk('install', imageOf('moved', { 'usr/share/data/a': '' }, 'ln -s data usr/share/moved'));

    expect(await host.run(['readlink', join(host.root, 'usr/share/moved')])).toMatchObject({ stdout: 'data\n' });
    await agentOk('remove', 'moved');
  });
});

describe('explain', () => {
  const directory = (name: string, release: string) => {
    for (const [path, text] of Object.entries({ ...releaseOf(name, release), [`usr/share/${name}/x`]: '' })) {
      put(`var/lib/extensions/${name}/${path}`, text);
    }
  };

  test('an extension that is merged: since when, from where, by whom, and whose files win', async () => {
    const explained = await agent('explain', 'middle');

    expect(explained).toMatchObject({ exitCode: 0, stderr: '' });
    expect(explained.stdout).toMatch(
      /^middle is merged into \/usr since .* UTC\. It was installed from .*middle\.raw by operation \d+ of uid 0 at .*UTC\. systemd-sysext finds it at \/var\/lib\/extensions\/middle\.raw\. alpha has \/usr\/bin\/shared as well: that of this one wins, the greater name\.\n$/,
    );
    expect(await agentJson('explain', 'middle')).toMatchObject({
      merged: true,
      hierarchies: [{ hierarchy: '/usr' }],
      verdict: 'merges',
      conflicts: [{ other: 'alpha', wins: true, paths: ['/usr/bin/shared'] }],
    });
  });

  test('one that does not fit', async () => {
    directory('misfit', 'ID=fedora\n');

    expect(await agent('explain', 'misfit')).toMatchObject({
      exitCode: 3,
      stdout:
        'misfit is not merged: it is for ID=fedora, this host is ID=debian. systemd-sysext passes over it. systemd-sysext finds it at /var/lib/extensions/misfit. This agent did not install it.\n',
    });
  });

  test('one that someone else put there, before and after it is merged', async () => {
    directory('foreign', 'ID=_any\n');

    expect(await agent('explain', 'foreign')).toMatchObject({
      exitCode: 3,
      stdout: expect.stringContaining(
        'foreign is not merged: it fits and would be merged: run `sysext-agent refresh`.',
      ),
    });
    await agentOk('refresh');
    expect(await agent('explain', 'foreign')).toMatchObject({
      exitCode: 0,
      stdout: expect.stringMatching(/^foreign is merged into \/usr since .* This agent did not install it\.\n$/),
    });
  });

  test('one whose place another image took', async () => {
    put('etc/extensions/alpha/usr/share/alpha/y', '');

    const explained = await agent('explain', 'alpha');

    expect(explained.stdout).toContain(
      'But /etc/extensions/alpha is another image of that name, and the one that counts.',
    );
    expect(explained.stdout).toContain('It would not be merged again: ');
    rmSync(join(host.root, 'etc/extensions'), { recursive: true });
  });

  test('one that is damaged', async () => {
    copyFileSync(join(host.root, 'alpha.raw'), join(host.root, 'var/lib/extensions/broken.raw'));
    const { length } = readFileSync(join(host.root, 'alpha.raw'));
    truncateSync(join(host.root, 'var/lib/extensions/broken.raw'), length - 1024);

    const explained = await agent('explain', 'broken');

    expect(explained).toMatchObject({ exitCode: 3, stderr: '' });
    expect(explained.stdout).toMatch(/^broken is not merged: .*broken\.raw is truncated/);
    expect(explained.stdout).toContain('Its files could not be read, so nothing is merged while it is there.');
    rmSync(join(host.root, 'var/lib/extensions/broken.raw'));
  });

  test('one that is unknown, with the nearest name, and one that was removed', async () => {
    const unknown = await agent('explain', 'alpa');
    const removed = await agent('explain', 'moved');

    expect(unknown).toMatchObject({ exitCode: 4, stdout: '' });
    expect(unknown.stderr).toContain('there is no extension alpa');
    expect(unknown.stderr).toContain('Did you mean alpha?');
    expect(removed.stderr).toMatch(/operation \d+ removed it/);
  });
});
