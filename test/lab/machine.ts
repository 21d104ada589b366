import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { execa } from 'execa';

import { labCache } from './cache.ts';
import { runCommand, runCommandOk, whileContinued, type CommandOptions, type CommandResult } from './command.ts';
import * as container from './container.ts';
import { ensureRootfs, type SystemdVersion } from './rootfs.ts';
import { waitFor } from './wait.ts';

export interface MachineOptions {
  readonly systemd: SystemdVersion;
  readonly binds?: readonly container.Bind[];
  /** Files in /etc that are there before the first boot: path in the machine and content. */
  readonly files?: Readonly<Record<string, string>>;
  /** Whether all machines share one /var/cache/sysext-agent, kept from run to run: for packages and indexes. */
  readonly sharedCache?: boolean;
}

/** A machine with a systemd of its own as PID 1, on this host's kernel and network. */
export interface Machine extends AsyncDisposable {
  readonly name: string;
  /** Its root directory as the host sees it, without what is mounted or merged inside; also while it is off. */
  readonly root: string;
  /**
   * The same with what is mounted and merged inside, as its PID 1 sees it, for reading without a process. An absolute link
   * in it leads out of it.
   * @throws Error when the machine is off.
   */
  readonly inside: string;
  /**
   * Runs a command inside as root, whatever its exit code.
   * @throws Error when it takes too long or the machine is off.
   */
  run(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /**
   * Runs a bash script inside, with -eu, that must succeed, and returns what it printed.
   * @throws Error with its whole output when it fails.
   */
  shell(script: string, options?: CommandOptions): Promise<string>;
  /** Runs `sysext-agent` of this checkout inside, whatever its exit code. */
  agent(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Writes a file, with the directories above it; works while the machine is off, too. */
  write(path: string, text: string, mode?: string): Promise<void>;
  /** The text of a file; works while the machine is off, too. */
  read(path: string): Promise<string>;
  /** Copies a file of the host, or a whole directory with its extended attributes, to exactly this path. */
  copyIn(hostPath: string, path: string): Promise<void>;
  /** Shuts down cleanly where it is on, then boots the same disk again. */
  reboot(): Promise<void>;
  /** Has PID 1 end everything and begin anew in the same kernel (systemd-soft-reboot.service(8)); seen to work from 257 on. */
  softReboot(): Promise<void>;
  /** Shuts down cleanly and stays off. */
  powerOff(): Promise<void>;
  /** A power cut: every process ends at once. `reboot` turns the machine on again. */
  kill(): Promise<void>;
  /** Ends the machine and removes its disk. */
  stop(): Promise<void>;
}

/** Where a machine finds the checkout. */
const checkoutInside = '/srv/sysext-agent';
const checkout = resolve(import.meta.dirname, '../..');

/**
 * What no test looks at and what would take half of a boot: these are masked, as are the generators of units, since
 * every reload of the manager runs them again.
 */
const unneededUnits = [
  ...['config', 'debug', 'tracing'].map((name) => `sys-kernel-${name}.mount`),
  ...['configfs', 'dm_mod', 'drm', 'efi_pstore', 'fuse', 'loop'].map((name) => `modprobe@${name}.service`),
  ...['dev-hugepages.mount', 'dev-mqueue.mount', 'sys-fs-fuse-connections.mount', 'run-lock.mount'],
  ...['e2scrub_reap', 'ldconfig', 'systemd-modules-load'].map((name) => `${name}.service`),
  ...['systemd-update-utmp.service', 'systemd-update-utmp-runlevel.service'],
  // What they would make of a /usr that is new to this disk came with the packages.
  ...['systemd-journal-catalog-update', 'systemd-sysusers', 'systemd-update-done'].map((name) => `${name}.service`),
];

/**
 * Boots a new machine and returns when it is up.
 * @throws Error with what its console shows when it is not up within a minute; nothing is left of it then.
 */
export async function bootMachine(options: MachineOptions): Promise<Machine> {
  await container.removeAbandonedDisks();
  const disk = await container.createDisk(await ensureRootfs(options.systemd));
  const machine = machineOn(disk, bindsOf(options));
  try {
    prepareDisk(disk, options.files ?? {});
    await machine.reboot();
    return machine;
  } catch (error) {
    await machine.stop();
    throw error;
  }
}

function bindsOf({ binds = [], sharedCache = false }: MachineOptions): container.Bind[] {
  const shared = { source: labCache('agent-cache'), target: '/var/cache/sysext-agent' };
  if (sharedCache) fs.mkdirSync(shared.source, { recursive: true });
  const sources = { source: checkout, target: checkoutInside, readOnly: true };
  return [sources, ...(sharedCache ? [shared] : []), ...binds];
}

/** What makes a disk this machine's: an identity, the host's way into the network, and a short boot. */
function prepareDisk({ name, root }: container.Disk, files: Readonly<Record<string, string>>): void {
  const hosts = ['/etc/resolv.conf', '/etc/hosts', '/etc/ssl/certs/ca-certificates.crt'].filter((path) =>
    fs.existsSync(path),
  );
  const all: Readonly<Record<string, string | Buffer>> = {
    '/etc/machine-id': `${randomBytes(16).toString('hex')}\n`,
    '/etc/hostname': `${name}\n`,
    ...Object.fromEntries(hosts.map((path) => [path, fs.readFileSync(path)])),
    ...files,
  };
  for (const [path, content] of Object.entries(all)) fs.writeFileSync(placeOnDisk(root, path), content);
  const generators = fs.readdirSync(join(root, 'usr/lib/systemd/system-generators'));
  // Without systemd-remount-fs.service, which this one asks for, images may be merged before there are loop devices.
  const unneededGenerators = generators.filter((name) => name !== 'systemd-fstab-generator');
  const masked = [
    ...unneededUnits.map((unit) => `system/${unit}`),
    ...unneededGenerators.map((name) => `system-generators/${name}`),
  ];
  for (const path of masked) fs.symlinkSync('/dev/null', placeOnDisk(root, `/etc/systemd/${path}`));
}

/** Where a path in /etc lies on the disk, for a new file: no link leads out of it there. */
function placeOnDisk(root: string, path: string): string {
  if (!path.startsWith('/etc/')) throw new Error(`only files in /etc can be there before the first boot, not ${path}`);
  const place = join(root, path);
  fs.mkdirSync(dirname(place), { recursive: true });
  fs.rmSync(place, { force: true });
  return place;
}

function machineOn(disk: container.Disk, binds: readonly container.Bind[]): Machine {
  let running: container.Container | undefined;

  const inside = (): string[] => (running === undefined ? ['chroot', disk.root] : enter(running));
  const run: Machine['run'] = async (argv, options) => {
    if (running === undefined) throw new Error(`${disk.name} is off`);
    return runCommand(enter(running), argv, options);
  };
  const powerOff = async (): Promise<void> => {
    if (running === undefined) return;
    await runCommand(enter(running), ['systemctl', 'poweroff', '--no-block']);
    await container.ended(running);
    running = undefined;
  };
  const kill = async (): Promise<void> => {
    if (running === undefined) return;
    await container.endContainer(disk, running);
    running = undefined;
  };
  const stop = async (): Promise<void> => {
    await kill();
    await container.removeDisk(disk);
  };
  return {
    name: disk.name,
    root: disk.root,
    get inside() {
      if (running === undefined) throw new Error(`${disk.name} is off`);
      return `/proc/${leader(running)}/root`;
    },
    run,
    shell: (script, options) => runCommandOk(inside(), ['bash', '-euc', script], options),
    agent: async (args, options) => {
      const result = await run([join(checkoutInside, 'bin/sysext-agent'), ...args], options);
      // Seen of a test that fails only: what it asserts is often the exit code alone.
      if (result.exitCode !== 0)
        console.error(`sysext-agent ${args.join(' ')}: exit code ${result.exitCode}\n${result.stderr}`);
      return result;
    },
    write: async (path, text, mode = '0644') => {
      await runCommandOk(inside(), receive(path, mode), { input: text });
    },
    read: (path) => runCommandOk(inside(), ['cat', path]),
    copyIn: (hostPath, path) => copyInto(inside(), hostPath, path),
    reboot: async () => {
      await powerOff();
      running = await container.startContainer(disk, binds);
      await untilUp(disk, running);
    },
    softReboot: async () => {
      const begun = async () => (await run(['systemctl', 'show', '-P', 'UserspaceTimestampMonotonic'])).stdout.trim();
      const before = await begun();
      await whileContinued(async () => {
        await run(['systemctl', 'soft-reboot']);
        await waitFor('the soft reboot', async () => {
          if (['', before].includes(await begun())) return undefined;
          return /^(running|degraded)$/m.test((await run(['systemctl', 'is-system-running'])).stdout) || undefined;
        });
      });
    },
    powerOff,
    kill,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The command that leads into the machine: the namespaces of its PID 1; the network is the host's. */
function enter(running: container.Container): string[] {
  const namespaces = ['--mount', '--uts', '--ipc', '--pid', '--cgroup'];
  return ['nsenter', `--target=${leader(running)}`, ...namespaces, '--root', '--wd', '--'];
}

function leader(running: container.Container): number {
  const pid = container.leaderOf(running);
  if (pid === undefined) throw new Error('the machine is just starting');
  return pid;
}

/** `degraded` counts as up: a test may want to see what a failed unit leads to. */
async function untilUp(disk: container.Disk, running: container.Container): Promise<void> {
  const state = async (): Promise<true | undefined> => {
    // Where there is no bus yet, asking for it would cost as much as the boot itself.
    if (!fs.existsSync(`/proc/${container.leaderOf(running)}/root/run/dbus/system_bus_socket`)) return undefined;
    const { stdout } = await runCommand(enter(running), ['systemctl', 'is-system-running', '--wait']);
    return /^(running|degraded)$/m.test(stdout) ? true : undefined;
  };
  try {
    await waitFor('systemctl is-system-running', state);
  } catch (error) {
    throw new Error(`${disk.name} did not come up\n${container.consoleOf(disk)}`, { cause: error });
  }
}

async function copyInto(inside: readonly string[], hostPath: string, path: string): Promise<void> {
  const [enterProgram = '', ...enterArgs] = inside;
  if (fs.statSync(hostPath).isDirectory()) {
    const attributes = ['--xattrs', '--xattrs-include=*'];
    const unpack = ['bash', '-euc', 'mkdir -p "$0"; tar --extract "$@" --directory="$0"', path, ...attributes];
    await execa('tar', ['--create', ...attributes, `--directory=${hostPath}`, '.'], { encoding: 'buffer' }).pipe(
      enterProgram,
      [...enterArgs, ...unpack],
    );
    return;
  }
  const mode = (fs.statSync(hostPath).mode & 0o7777).toString(8);
  await execa(enterProgram, [...enterArgs, ...receive(path, mode)], { inputFile: hostPath });
}

/** The command that makes its input a file: at every instant the old one or the new. */
function receive(path: string, mode: string): string[] {
  const script =
    'test -d "${0%/*}/" || mkdir -p "${0%/*}"; cat >"$0.#new"; chmod "$1" "$0.#new"; mv -fT "$0.#new" "$0"';
  return ['bash', '--norc', '-euc', script, path, mode];
}
