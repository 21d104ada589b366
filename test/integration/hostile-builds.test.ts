import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { buildingHost } from '../lab/build-host.ts';

/** What a spec of a stranger may try in a whole build; test/integration/sandbox.test.ts tries more, by the sandbox alone. */
const program = resolve(import.meta.dirname, '../../bin/sysext-agent');
const secret = `known to the host alone ${process.pid}`;
/** What a process that is left would be called. */
const marker = `8642.${process.pid}`;

let scratch: string;
let root: string;
let cache: string;
/** A source whose links lead to files of the host. */
let context: string;
let server: Server;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'hostile-'));
  const shared = await buildingHost();
  [root, cache] = [join(scratch, 'root'), shared.cache];
  cpSync(join(shared.root, 'etc'), join(root, 'etc'), { recursive: true });
  mkdirSync(join(root, 'etc/sysext-agent'));
  const limits = 'process_limit: 100, memory_limit: 64M, disk_limit: 64M';
  writeFileSync(join(root, 'etc/sysext-agent/agent.yml'), `build: {${limits}}\n`);
  mkdirSync(join(root, 'var/cache/sysext-agent'), { recursive: true });
  mkdirSync(join(scratch, 'home'));
  writeFileSync(join(scratch, 'home/secret'), `${secret}\n`, { mode: 0o600 });
  context = join(scratch, 'links');
  mkdirSync(context);
  symlinkSync(join(scratch, 'home'), join(context, 'home'));
  symlinkSync('../../../../../../../..', join(context, 'up'));
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(() => {
  server.close();
  rmSync(scratch, { recursive: true });
});

/** Builds a spec with these sources and steps, whose artifact is `made`. */
function build(name: string, { sources = '', steps = '', more = '' }, ...options: string[]) {
  const path = join(scratch, `${name}.yml`);
  writeFileSync(
    path,
    `name: ${name}
version: '1.0'
revision: '1'
license: MIT
description: from nobody that anyone knows
website: https://example.org
sources:
  src: {inline: {dir: {files: {file: {contents: "before\\n"}}}}}
${sources}build:
  # No step of an earlier run, which may have gone well.
  env: {RUN: '${process.pid}-${performance.timeOrigin}'}
  steps:
    - command: |
${steps.replace(/^/gm, '        ')}
artifacts:
  docs: {made: {}}
${more}`,
  );
  return agent('build', path, ...options);
}

function links(): readonly string[] {
  return [`--build-context=links=${context}`];
}

/** With limits of its own and the cache of others, which is there for it alone. */
function agent(...args: string[]) {
  const where = [`--root=${root}`, '--target=trixie', `--output=${join(scratch, 'out')}`];
  const script = 'mount --bind "$0" "$1"; shift; exec "$@"';
  const place = join(root, 'var/cache/sysext-agent');
  const command = [program, ...args, ...where];
  return execa('unshare', ['--mount', 'sh', '-euc', script, cache, place, ...command], { reject: false });
}

/** All that the image has, as text. */
function imageOf(name: string): string {
  const [tree, image] = [join(scratch, `${name}-tree`), join(scratch, `out/${name}-v1.0-1-trixie-x86-64.raw`)];
  execFileSync('fsck.erofs', [`--extract=${tree}`, image], { stdio: 'ignore' });
  return execFileSync('grep', ['--recursive', '--no-messages', '', tree], { encoding: 'utf8' });
}

/** What the host has that a build could have changed. */
function hostNow(): unknown {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return {
    home: readdirSync(join(scratch, 'home')).map((name) => [name, readFileSync(join(scratch, 'home', name), 'utf8')]),
    mounts: mounts.filter((line) => line.includes(cache) || line.includes(scratch) || / sandbox r[wo],/.test(line)),
    left: readdirSync('/proc').filter((pid) => commandOf(pid).startsWith(`sleep\0${marker}`)),
    accounts: ['passwd', 'shadow', 'group'].map((name) => readFileSync(join('/etc', name), 'utf8')),
  };
}

function commandOf(pid: string): string {
  try {
    return /^\d+$/.test(pid) ? readFileSync(`/proc/${pid}/cmdline`, 'utf8') : '';
  } catch {
    return '';
  }
}

describe('a hostile spec', () => {
  test('gets nothing of the host, changes nothing there and leaves nothing running', async () => {
    const before = hostNow();
    const { port } = server.address() as AddressInfo;
    const steps = `got() { echo "got $1" >>made; }
echo tried >made
set +e
bash -c 'exec 3<>/dev/tcp/127.0.0.1/${port}' && got 'a server of the host'
bash -c 'exec 3<>/dev/tcp/9.9.9.9/53' && got 'the internet'
for top in '' /proc/1/root /proc/self/root /proc/1/cwd /..; do
  cat "$top${scratch}/home/secret" && got "the home of the host below $top"
  echo written >"$top${scratch}/home/outside" && got "a file outside below $top"
done
grep -v '^[^:]*:[*!]' /etc/shadow >>made
kill -0 ${process.pid} && got 'a process of the host'
perl -e 'exit !(syscall(${process.arch === 'x64' ? 101 : 117}, 16, ${process.pid}, 0, 0) == 0)' && got ptrace
mount -t tmpfs none /mnt && got 'a mount'
mount --bind /usr /mnt && got 'a bind mount'
unshare --user --mount true && got 'namespaces'
mknod /disk b 8 0 && got 'a disk'
(setsid sleep ${marker} &)
exit 0`;

    const { exitCode, stderr } = await build('grasping', { steps });

    expect(exitCode, stderr).toBe(0);
    const image = imageOf('grasping');
    expect(image.match(/(tried|got .*)$/gm)).toEqual(['tried']);
    expect(image).not.toContain(secret);
    expect(hostNow()).toEqual(before);
  });

  test('does not get out by links in its sources and artifacts', async () => {
    const before = hostNow();
    const sources = `  links: {context: {name: links}}\n`;
    const steps = `cat links/home/secret links/up${scratch}/home/secret && exit 1
echo written >links/home/outside && exit 1
ln -s / made-top
ln -s ${scratch}/home made-home
mkdir -p .${scratch}/home
echo decoy >made`;
    const more = `  data_dirs: {made-home: {}, made-top${scratch}/home: {name: through}}\n`;

    const taken = await build('linked', { sources, steps, more }, ...links());

    expect(taken.exitCode, taken.stderr).toBe(1);
    expect(taken.stderr).toMatch(/the build left no "made-top/);
    expect(taken.stderr).not.toContain(secret);
    expect(hostNow()).toEqual(before);
  });

  test.each([
    ['up', 'src', 'b/../../../../../../..'],
    ['through a link', 'links', 'b/up'],
    ['along a link', 'links', 'b/home/..'],
  ])('does not get out by a patch that leads %s', async (_, source, way) => {
    const before = hostNow();
    const place = way.endsWith('..') && source === 'links' ? 'home/secret' : `${scratch}/home/secret`.slice(1);
    const patch = `--- a/file\\n+++ ${way}/${place}\\n@@ -1 +1 @@\\n-${secret}\\n+changed\\n`;
    const sources = `  links: {context: {name: links}}
  fix: {inline: {file: {contents: "${patch}"}}}
patches: {${source}: [{source: fix}]}\n`;

    const { exitCode, stderr } = await build('patched', { sources, steps: 'echo made >made' }, ...links());

    expect(exitCode, stderr).toBe(1);
    expect(stderr).toContain(`patch fix of ${source} failed`);
    expect(hostNow()).toEqual(before);
  });

  test.each([
    ['forks', 'f() { f | f & }; f 2>/dev/null; sleep 50', 'more than 100 processes', 'build.process_limit'],
    ['fills', 'truncate --size=100G sparse; exit 0', 'wrote more than 64 MiB', 'build.disk_limit'],
    ['writes', 'dd if=/dev/zero of=big bs=1M count=102400', 'wrote more than 64 MiB', 'build.disk_limit'],
    ['eats', `perl -e 'push @a, "x" x 1e6 for 1..90; sleep 50'`, 'more memory than 64 MiB', 'build.memory_limit'],
  ])('that %s without end is ended, and told which limit it was', async (name, steps, message, setting) => {
    const before = hostNow();

    const { exitCode, stderr } = await build(name, { steps });

    expect(exitCode).toBe(1);
    expect(stderr).toContain('build step 1 was ended: it');
    expect(stderr).toContain(message);
    expect(stderr).toContain(`the limit is ${setting} in agent.yml.`);
    expect(hostNow()).toEqual(before);
  });
});
