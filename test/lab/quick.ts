import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { runCommand, type CommandOptions, type CommandResult } from './command.ts';

/** A scratch root directory for `--root=`, and a mount namespace in which the host's systemd-sysext merges below it. */
export interface QuickRoot extends AsyncDisposable {
  /** The directory; the same path inside and outside, but only commands run here see what is mounted there. */
  readonly root: string;
  /** Runs a command of the host as root, whatever its exit code: commands see the mounts of the ones before. */
  run(argv: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Ends the namespace, and with it its processes and mounts, and removes the directory. */
  stop(): Promise<void>;
}

export interface QuickOptions {
  /** Files below the root: path as seen below it, and content. */
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * Makes a scratch root with nothing in it but the directories that systemd-sysext(8) works on, and these files.
 * The namespace lives as long as its holder, and the holder as long as the pipe to it: it cannot outlive this process.
 */
export async function quickRoot({ files = {} }: QuickOptions = {}): Promise<QuickRoot> {
  const root = fs.mkdtempSync(join(placeOfRoots(), 'sysext-agent-quick-'));
  for (const path of ['usr', 'opt', 'etc', 'run', 'var/lib/extensions'])
    fs.mkdirSync(join(root, path), { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    fs.mkdirSync(dirname(join(root, path)), { recursive: true });
    fs.writeFileSync(join(root, path), text);
  }
  // systemd-sysext mounts in a child and relies on the mounts coming back; and it wants /run to be a mount point.
  const hold = 'mount --make-rshared /; mount -t tmpfs tmpfs /run; echo ready; exec cat';
  const isolate = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const holder = spawn('unshare', [...isolate, 'sh', '-euc', hold], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(holder, 'exit');
  const ready = await Promise.race([once(holder.stdout, 'data'), ended.then(() => undefined)]);
  if (ready === undefined) throw new Error('cannot make a mount namespace: the quick lab needs root');
  const enter = ['nsenter', `--target=${firstProcess(holder.pid)}`, '--mount', '--pid', '--'];

  const stop = async (): Promise<void> => {
    holder.kill('SIGKILL');
    await ended;
    fs.rmSync(root, { recursive: true, force: true });
  };
  return { root, run: (argv, options) => runCommand(enter, argv, options), stop, [Symbol.asyncDispose]: stop };
}

/** In memory where there is room for many, else what is to last through a power cut would wait for the host's disk. */
function placeOfRoots(): string {
  const [memory, room] = ['/dev/shm', 1 << 30];
  if (process.env['TMPDIR'] !== undefined || !fs.existsSync(memory)) return tmpdir();
  const { bavail, bsize } = fs.statfsSync(memory);
  return bavail * bsize < room ? tmpdir() : memory;
}

function firstProcess(unshare: number | undefined): string {
  return fs.readFileSync(`/proc/${unshare}/task/${unshare}/children`, 'utf8').trim();
}
