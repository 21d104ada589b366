import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';

import { execa } from 'execa';

import { hostApt } from './apt.ts';
import { labCache } from './cache.ts';

/**
 * Virtual machines: a kernel and disks of their own, so that power cuts and reboots are real ones. Without hardware for it
 * one boots within 20 s of processor time. Needs `qemu-system-x86` and `seabios` besides what `make setup` installs.
 */

export interface VmDisks {
  /** What the kernel is given: see cloudKernel(). */
  readonly kernel: VmKernel;
  /** An ext4 file system with the whole system, written to. */
  readonly root: string;
  /** The image of a file system for /usr, which is only read. */
  readonly usr?: { readonly image: string; readonly type: 'erofs' | 'squashfs' };
}

export interface Vm extends AsyncDisposable {
  /**
   * Runs a bash script inside, with -eu, as root and on the host's mounts, and returns what it printed.
   * @throws Error with that when it fails, or when it takes too long.
   */
  shell(script: string, timeoutMs?: number): Promise<string>;
  /** Runs a script nobody waits for. */
  begin(script: string): void;
  /** Returns when it is up again. */
  reboot(): Promise<void>;
  /** A power cut: what the disk has is what was written to it. */
  cut(): Promise<void>;
  /** After a power cut. */
  boot(): Promise<void>;
}

export interface VmKernel {
  readonly image: string;
  /** The name of its release. */
  readonly release: string;
  /** The directory of its package: `usr/lib/modules` is in it. */
  readonly root: string;
}

/** What the machines do with files, by modules of the kernel. */
const modules = ['virtio_pci', 'virtio_blk', 'ext4', 'erofs', 'squashfs', 'loop', 'overlay'];

/** The kernel that Debian has for clouds, in a cache: from 13 on it can mount beneath what is mounted. */
export async function cloudKernel(): Promise<VmKernel> {
  const root = labCache('vm', 'kernel-trixie');
  if (!fs.existsSync(root)) {
    const { mirror, settings } = await hostApt();
    fs.mkdirSync(labCache('vm'), { recursive: true });
    const partial = `${root}.partial`;
    fs.rmSync(partial, { recursive: true, force: true });
    await execa('mmdebstrap', [
      ...['--mode=root', '--variant=extract', '--include=linux-image-cloud-amd64,busybox-static'],
      ...settings.map((line) => `--aptopt=${line}`),
      ...['trixie', partial],
      `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror} trixie main`,
    ]);
    fs.renameSync(partial, root);
  }
  const [image = ''] = fs.globSync('boot/vmlinuz-*', { cwd: root });
  return { root, image: join(root, image), release: image.replace('boot/vmlinuz-', '') };
}

/**
 * Makes what is needed to boot a tree: the programs that let us in, and an initrd beside it that has all modules.
 * @param tree a root file system of our own, which is changed.
 */
export async function makeBootable(tree: string, kernel: VmKernel, initrd: string): Promise<void> {
  await makeInitrd(initrd, kernel);
  fs.writeFileSync(join(tree, 'usr/local/sbin/lab-shell'), insideShell, { mode: 0o755 });
  const units = join(tree, 'etc/systemd/system');
  fs.writeFileSync(join(units, 'lab-shell.service'), insideUnit);
  fs.mkdirSync(join(units, 'multi-user.target.wants'), { recursive: true });
  fs.symlinkSync('../lab-shell.service', join(units, 'multi-user.target.wants/lab-shell.service'));
}

/** The modules in an order in which each comes after those that it needs. */
async function modulesOf(kernel: VmKernel): Promise<readonly Buffer[]> {
  const directory = join(kernel.root, 'usr/lib/modules', kernel.release, 'kernel');
  const files = fs.globSync('**/*.ko.xz', { cwd: directory });
  const found = new Map<string, Buffer>();
  const add = async (name: string): Promise<void> => {
    // What is not there is in the kernel itself.
    const file = files.find((path) => basename(path, '.ko.xz').replaceAll('-', '_') === name);
    if (file === undefined || found.has(name)) return;
    const unpacked = await execa('xz', ['--decompress', '--stdout', join(directory, file)], { encoding: 'buffer' });
    const bytes = Buffer.from(unpacked.stdout);
    const [, needed = ''] = /\0depends=([^\0]*)\0/.exec(bytes.toString('latin1')) ?? [];
    for (const other of needed.split(',').filter(Boolean)) await add(other.replaceAll('-', '_'));
    found.set(name, bytes);
  };
  for (const name of modules) await add(name);
  return [...found.values()];
}

/** Scripts come as lines of base64, and so does what they print, with the exit code before it. */
const insideShell = `#!/bin/bash
stty raw -echo
export HOME=/root LC_ALL=C.UTF-8
echo up
while read -r line; do
  code=0; base64 -d <<<"$line" >/run/lab-script; bash -eu /run/lab-script >/run/lab-printed 2>&1 </dev/null || code=$?
  echo "$code $(base64 -w0 /run/lab-printed)"
done
`;

const insideUnit = `[Unit]
Description=A shell for the lab
After=multi-user.target

[Service]
ExecStart=/usr/local/sbin/lab-shell
StandardInput=tty-force
StandardOutput=tty
StandardError=journal
TTYPath=/dev/ttyS1
`;

async function makeInitrd(path: string, kernel: VmKernel): Promise<void> {
  const tree = `${path}.tree`;
  fs.rmSync(tree, { recursive: true, force: true });
  for (const name of ['bin', 'dev', 'proc', 'sys', 'root', 'modules'])
    fs.mkdirSync(join(tree, name), { recursive: true });
  fs.copyFileSync(join(kernel.root, 'usr/bin/busybox'), join(tree, 'bin/busybox'));
  fs.symlinkSync('busybox', join(tree, 'bin/sh'));
  for (const [index, bytes] of (await modulesOf(kernel)).entries())
    fs.writeFileSync(join(tree, 'modules', `${String(index).padStart(2, '0')}.ko`), bytes);
  fs.writeFileSync(join(tree, 'init'), init, { mode: 0o755 });
  const pack = 'cd "$0"; find . | bin/busybox cpio -o -H newc 2>/dev/null | gzip -1 >"$1"';
  await execa('sh', ['-euc', pack, tree, path]);
  fs.rmSync(tree, { recursive: true });
}

/** Mounts the disks, and becomes systemd. `usr=TYPE` on the command line is for a second disk. */
const init = `#!/bin/sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
for module in /modules/*; do $b insmod $module; done
$b mount -t ext4 /dev/vda /root
for word in $($b cat /proc/cmdline); do
  case $word in usr=*) $b mount -t \${word#usr=} -o ro /dev/vdb /root/usr ;; esac
done
for each in proc sys dev; do $b mount -o move /$each /root/$each; done
exec $b switch_root /root /usr/lib/systemd/systemd
`;

/** Boots a virtual machine, and returns when it is up. */
export async function bootVm(disks: VmDisks, initrd: string): Promise<Vm> {
  const channel = `${disks.root}.channel`;
  let console = '';
  let running: ChildProcess | undefined;
  let socket: Socket | undefined;
  const waiting: ((line: string) => void)[] = [];
  const next = (timeoutMs: number) =>
    new Promise<string>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`nothing within ${timeoutMs / 1000} s; the console:\n${console.slice(-4000)}`));
      }, timeoutMs);
      waiting.push((line) => {
        clearTimeout(timer);
        resolve(line);
      });
    });
  const up = async () => {
    while ((await next(bootLimit)) !== 'up');
  };
  const server = createServer((connected) => {
    socket = connected;
    connected.on('error', () => undefined);
    createInterface(connected).on('line', (line) => waiting.shift()?.(line.trim()));
  });
  fs.rmSync(channel, { force: true });
  server.listen(channel);
  await once(server, 'listening');
  const boot = async () => {
    running = spawn('qemu-system-x86_64', qemuArguments(disks, initrd, channel), { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [running.stdout, running.stderr])
      stream?.on('data', (data: Buffer) => (console = `${console}${data.toString('latin1')}`.slice(-65_536)));
    await up();
  };
  const send = (script: string) => socket?.write(`${Buffer.from(script).toString('base64')}\n`);
  const cut = async () => {
    if (running?.exitCode !== null || running.signalCode !== null) return;
    running.kill('SIGKILL');
    await once(running, 'exit');
    waiting.length = 0;
  };
  await boot();
  return {
    shell: async (script, timeoutMs = 600_000) => {
      send(script);
      const [code = '', printed = ''] = (await next(timeoutMs)).split(' ');
      const text = Buffer.from(printed, 'base64').toString();
      if (code !== '0') throw new Error(`exit code ${code}: ${script}\n${text}`);
      return text;
    },
    begin: send,
    reboot: async () => {
      send('systemctl reboot --no-block');
      await up();
    },
    cut,
    boot,
    [Symbol.asyncDispose]: async () => {
      await cut();
      server.close();
      fs.rmSync(channel, { force: true });
    },
  };
}

/** In milliseconds: a processor that is emulated on one that others keep busy takes minutes. */
const bootLimit = 600_000;

function qemuArguments({ kernel, root, usr }: VmDisks, initrd: string, channel: string): string[] {
  const drive = (file: string, more = '') => `if=virtio,format=raw,file=${file}${more}`;
  return [
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '1536', '-display', 'none', '-nodefaults'],
    ...['-kernel', kernel.image, '-initrd', initrd],
    '-append',
    `console=ttyS0 quiet panic=1 systemd.show_status=0${usr === undefined ? '' : ` usr=${usr.type}`}`,
    // What a guest was told is on its disk is in the file: a power cut takes only what it was not told so of.
    ...['-drive', drive(root, ',cache=writethrough')],
    ...(usr === undefined ? [] : ['-drive', drive(usr.image, ',readonly=on')]),
    ...['-serial', 'stdio', '-chardev', `socket,id=lab,path=${channel}`, '-serial', 'chardev:lab'],
  ];
}
