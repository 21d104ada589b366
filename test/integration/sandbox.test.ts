import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createSandbox } from '../../src/builder/sandbox/bubblewrap.ts';
import type { Sandbox, SandboxEnd, SandboxRun } from '../../src/builder/sandbox/sandbox.ts';
import { systemClock } from '../../src/host/clock.ts';
import { createExec } from '../../src/host/exec.ts';
import { ensureRootfs } from '../lab/rootfs.ts';
import { waitFor } from '../lab/wait.ts';

let directory: string;
let rootfs: string;
let sandbox: Sandbox;
/** Directories of the root file system that belong to root of the sandbox, as all of a build root does. */
let writable: string;
/** What lies on the host for a program to find, and what listens there. */
let secret: string;
let listeners: Server[];
const abstractName = `sysext-agent-test-${process.pid}`;

beforeAll(async () => {
  rootfs = await ensureRootfs(257);
  directory = mkdtempSync(join(tmpdir(), 'sandbox-'));
  chmodSync(directory, 0o700);
  sandbox = createSandbox({ exec: createExec(process.env), clock: systemClock, directory: join(directory, 'runs') });
  writable = join(directory, 'writable');
  for (const name of ['etc', 'tmp']) mkdirSync(join(writable, name), { recursive: true });
  await sandbox.adoptLayer(writable);
  secret = join(directory, 'secret');
  writeFileSync(secret, 'known to the host alone\n', { mode: 0o600 });
  listeners = [createServer(), createServer()];
  listeners[0]?.listen(0, '127.0.0.1');
  listeners[1]?.listen({ path: `\0${abstractName}` });
  await Promise.all(listeners.map((server) => once(server, 'listening')));
  process.env['SECRET_OF_THE_HOST'] = 'in the environment';
});
afterAll(async () => {
  delete process.env['SECRET_OF_THE_HOST'];
  for (const server of listeners) server.close();
  await sandbox.removeLayer(directory);
});

interface Ran extends SandboxEnd {
  readonly output: string;
}

async function run(script: string, options: Partial<SandboxRun> = {}): Promise<Ran> {
  let output = '';
  const end = await sandbox.run({
    tree: { lower: [rootfs], upper: undefined },
    argv: ['bash', '-c', script],
    directory: '/',
    environment: { PATH: '/usr/sbin:/usr/bin' },
    binds: [],
    network: false,
    limits: { time: 60, memory: 512 << 20, processes: 200, disk: 512 << 20 },
    take: (piece) => {
      output += Buffer.from(piece).toString();
    },
    ...options,
  });
  return { ...end, output };
}

function port(): number {
  const address = listeners[0]?.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** Each prints a line where it gets what it must not. The numbers of system calls are those of x86-64 and of arm64. */
function attempts(): string {
  const [keyctl, ptrace] = process.arch === 'x64' ? [250, 101] : [219, 117];
  const connect = `socket(S, AF_UNIX, SOCK_STREAM, 0) && connect(S, pack("S a*", AF_UNIX, "\\0${abstractName}"))`;
  return `
got() { echo "got: $1"; }
(exec 3<>/dev/tcp/127.0.0.1/${port()}) 2>/dev/null && got 'a server of the host'
(exec 3<>/dev/tcp/9.9.9.9/53) 2>/dev/null && got 'the internet'
perl -MSocket -e 'exit !(${connect})' && got 'an abstract socket'
for root in '' /proc/1/root /proc/self/root /proc/1/cwd /proc/self/fd/3 /proc/self/fd/4 /..; do
  test -e "$root${secret}" && got "the secret below $root"
done
mkdir -p /x && perl -e 'chroot "/x"; chdir ".." for 1..50; chroot "."; exit !-e "${secret}"' && got 'the secret by chroot'
ln -s /proc/1/root${directory} /leading && (echo written >/leading/outside) 2>/dev/null && got 'a file outside'
kill -0 ${process.pid} 2>/dev/null && got 'a process of the host'
ls -d /proc/[0-9]* | wc -l | grep -qx '[0-9]' || got 'the processes of others'
perl -e 'exit !(syscall(${ptrace}, 16, ${process.pid}, 0, 0) == 0)' && got 'ptrace of the host'
perl -e 'exit !(syscall(${keyctl}, 0, -3, 1) >= 0)' && got 'a keyring'
mount -t tmpfs none /mnt 2>/dev/null && got 'a mount'
mount --bind /usr /mnt 2>/dev/null && got 'a bind mount'
umount /proc 2>/dev/null && got '/proc taken off'
unshare --user true 2>/dev/null && got 'a namespace of users'
unshare --mount true 2>/dev/null && got 'a namespace of mounts'
mknod /disk b 8 0 2>/dev/null && got 'a block device'
(echo escaped >/proc/sys/kernel/core_pattern) 2>/dev/null && got 'a setting of the kernel'
(echo 1 >/proc/sys/user/max_user_namespaces) 2>/dev/null && got 'a limit of namespaces'
(echo s >/proc/sysrq-trigger) 2>/dev/null && got 'sysrq'
cat /proc/kcore /dev/mem /dev/kmsg >/dev/null 2>&1 && got 'memory of the kernel'
hostname taken 2>/dev/null && got 'a host name'
date --set '2001-01-01' >/dev/null 2>&1 && got 'the clock'
nice -n -5 true 2>&1 | grep -q denied || got 'a priority'
ls /dev | grep -Evx 'core|fd|full|null|ptmx|pts|random|shm|std(in|out|err)|tty|urandom|zero' && got 'a device'
find /sys /run/systemd/private -mindepth 1 2>/dev/null | grep . && got 'the system'
env | grep -Ev '^(PATH|PWD|SHLVL|_)=' && got 'a variable'
for fd in /proc/self/fd/*; do case $(readlink "$fd") in *${directory}*|socket:*) got "descriptor $fd";; esac; done
cp /usr/bin/dash /rooted && chmod 6755 /rooted
(setsid sleep 98765.${process.pid} >/dev/null 2>&1 &)
id -u; cat /proc/self/uid_map; echo done`;
}

describe('a hostile program', () => {
  it('gets nothing of the host, has no rights on it, and leaves nothing running', async () => {
    const upper = join(directory, 'upper');
    const before = [ourMounts(), hostname(), readdirSync(directory).sort().join()];

    const ran = await run(attempts(), { tree: { lower: [rootfs], upper } });

    expect(ran.output).toMatch(/^0\n +0 +[1-9]\d* .*\ndone\n$/);
    expect(ran).toMatchObject({ exitCode: 0, exceeded: undefined });
    expect(processesCalled(`98765.${process.pid}`)).toEqual([]);
    const rooted = statSync(join(upper, 'rooted'));
    expect([rooted.mode & 0o6000, rooted.uid === 0, rooted.gid === 0]).toEqual([0o6000, false, false]);
    await sandbox.removeLayer(upper);
    const after = [ourMounts(), hostname(), readdirSync(directory).sort().join()];
    expect(after.map((text) => text.replace('runs,', ''))).toEqual(before);
    expect(readFileSync(secret, 'utf8')).toBe('known to the host alone\n');
  });

  it('that may reach the network reaches that and no socket of the host without a file', async () => {
    const script = `(exec 3<>/dev/tcp/127.0.0.1/${port()}) && echo reached
      perl -MSocket -e 'print socket(S, AF_UNIX, SOCK_STREAM, 0) ? "a socket\\n" : "$!\\n"'`;

    const { output } = await run(script, { network: true, tree: { lower: [rootfs, writable], upper: undefined } });

    expect(output).toBe('reached\nAddress family not supported by protocol\n');
  });

  it('does not lead a bind elsewhere by a link that it left', async () => {
    const [upper, cache, victim] = ['led', 'cache', 'victim'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [upper, cache, victim]) mkdirSync(path);
    symlinkSync(`../../..${victim}`, join(upper, 'build'));
    symlinkSync(`/oldroot${victim}`, join(upper, 'deep'));

    const { output, exitCode } = await run(
      'echo kept >/build/cache/file; echo kept >/deep/cache/other; ls /build/cache',
      {
        tree: { lower: [rootfs, writable], upper },
        binds: [
          { source: cache, at: '/build/cache', writable: true },
          { source: cache, at: '/deep/cache', writable: true },
        ],
      },
    );

    expect([exitCode, output]).toEqual([0, 'file\nother\n']);
    expect(readdirSync(victim)).toEqual([]);
    expect(readFileSync(join(cache, 'file'), 'utf8')).toBe('kept\n');
  });
});

describe('what a program may take', () => {
  const little = { time: 60, memory: 512 << 20, processes: 200, disk: 512 << 20 };
  const greedy: readonly (readonly [keyof SandboxRun['limits'], number, string])[] = [
    ['processes', 50, 'f() { f | f & }; f 2>/dev/null; sleep 50'],
    ['disk', 20 << 20, 'dd if=/dev/zero of=/big bs=1M count=100000; truncate --size=100G /sparse; exit 0'],
    ['disk', 2 << 20, `exec perl -e 'for (1..1e6) { open F, ">/file-$_" }'`],
    [
      'disk',
      20 << 20,
      `exec perl -e 'for (1..1e3) { open my $f, ">/f"; unlink "/f"; print $f "x" x 5e6; push @f, $f }'`,
    ],
    ['memory', 60 << 20, `exec perl -e 'push @a, "x" x 1e6 for 1..100; sleep 50'`],
    ['time', 1, 'trap "" TERM; sleep 50'],
  ];

  it.each(greedy)('is limited: %s of %i', async (limit, most, script) => {
    const { exceeded } = await run(script, { limits: { ...little, [limit]: most } });

    expect(exceeded).toBe(limit);
  });
});

describe('a run', () => {
  it('has what it is given, and keeps what is changed for the next one', async () => {
    const upper = join(directory, 'kept');
    const tree = { lower: [rootfs], upper };

    const first = await run('cat; echo $GIVEN; pwd; echo one >/file; echo to >/dev/stderr; exit 3', {
      tree,
      input: 'read\n',
      environment: { PATH: '/usr/bin', GIVEN: 'a value' },
      directory: '/usr',
    });
    const second = await run('cat /file', { tree: { lower: [rootfs, upper], upper: undefined } });

    expect(first).toMatchObject({ exitCode: 3, exceeded: undefined });
    // Streams come as they come.
    expect(first.output.replace('to\n', '')).toBe('read\na value\n/usr\n');
    expect(first.output).toContain('to\n');
    expect(second.output).toBe('one\n');
  });

  it('sees overlays below its tree', async () => {
    const image = join(directory, 'image');
    mkdirSync(join(image, 'bin'), { recursive: true });
    writeFileSync(join(image, 'bin/extended'), '#!/bin/sh\necho extended\n', { mode: 0o755 });
    chmodSync(image, 0o755);
    chmodSync(join(image, 'bin'), 0o755);

    const overlays = [{ at: '/usr', lower: [join(realpathSync(rootfs), 'usr'), image] }];
    const { output } = await run('extended; ls /usr/bin/env; touch /usr/new 2>/dev/null || echo read-only', {
      tree: { lower: [rootfs], upper: undefined, overlays },
    });

    expect(output).toBe('extended\n/usr/bin/env\nread-only\n');
  });

  it('lets its root change what was adopted', async () => {
    const layer = join(directory, 'layer');
    mkdirSync(join(layer, 'build/src'), { recursive: true });
    writeFileSync(join(layer, 'build/src/a.c'), 'int a;\n');
    await sandbox.adoptLayer(layer);

    const { output } = await run('chown 33 /build/src/a.c && rm -r /build && ls -d /build 2>&1', {
      tree: { lower: [rootfs, layer], upper: undefined },
    });

    expect(output).toContain('No such file');
    expect(existsSync(join(layer, 'build/src/a.c'))).toBe(true);
  });

  it('ends with all that it started when it is interrupted', async () => {
    const marker = `97531.${process.pid}`;
    const interruption = new AbortController();
    const running = run(`setsid sleep ${marker} & sleep 100`, { signal: interruption.signal });
    await waitFor('the program', () => (processesCalled(marker).length > 0 ? true : undefined));

    interruption.abort();

    await expect(running).rejects.toMatchObject({ code: 'interrupted' });
    expect(processesCalled(marker)).toEqual([]);
    expect(readdirSync(join(directory, 'runs'))).toEqual([]);
  });

  it('ends when we are killed, and its directory goes with the next run', async () => {
    const marker = `86420.${process.pid}`;
    const runs = join(directory, 'runs');
    const fixture = join(import.meta.dirname, 'fixtures/sandboxed.ts');
    const child = spawn(process.execPath, [fixture, runs, rootfs, 'bash', '-c', `setsid sleep ${marker} & sleep 100`]);
    await waitFor('the program', () => (processesCalled(marker).length > 0 ? true : undefined));

    child.kill('SIGKILL');

    await waitFor('the end of it', () => (processesCalled(marker).length === 0 ? true : undefined));
    expect(ourMounts()).toBe('');
    await run('true');
    expect(readdirSync(runs)).toEqual([]);
  });

  it('is refused where the host cannot isolate it', async () => {
    const broken = run('true', { tree: { lower: [join(directory, 'nowhere')], upper: undefined } });

    await expect(broken).rejects.toMatchObject({
      code: 'tool-missing',
      details: { left: 'Nothing of the spec was run.' },
    });
  });
});

/** What is mounted of sandboxes where the host sees it; other tests mount things meanwhile. */
function ourMounts(): string {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => line.includes(directory) || / sandbox (rw|ro),/.test(line)).join('\n');
}

/** The programs of this host with these words in their arguments, but for shells that were told them. */
function processesCalled(words: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.startsWith(`sleep ${words}`));
}
