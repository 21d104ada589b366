import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import type { CommandResult } from '../../lab/command.ts';
import { quickRoot, type QuickRoot } from '../../lab/quick.ts';
import { extensionImage } from './images.ts';

const program = resolve(import.meta.dirname, '../../../bin/sysext-agent');

/** What goes wrong while a command runs: at the `nth` of these system calls on a path, or of all. */
export interface Fault {
  readonly calls: string;
  /** What strace(1) injects: `error=EIO`, `signal=KILL`. */
  readonly inject: string;
  /** Below the root. */
  readonly path?: string;
  readonly nth?: number;
}

/** A scratch root with the agent of this checkout, and the systemd-sysext of this host. */
export interface QuickAgent extends AsyncDisposable {
  readonly quick: QuickRoot;
  /** Runs `sysext-agent ARGS --root=...`, whatever its exit code. */
  agent(...args: readonly string[]): Promise<CommandResult>;
  /** Runs it while something goes wrong in its main thread. */
  faulty(fault: Fault, ...args: readonly string[]): Promise<CommandResult>;
  /** Runs it where it must succeed, and returns what it printed. */
  ok(...args: readonly string[]): Promise<string>;
  /** What it prints as JSON. */
  json<T>(...args: readonly string[]): Promise<T>;
  /** Runs a script whose directory is the root. */
  shell(script: string): Promise<string>;
  /** Writes a file below the root and returns its path. */
  put(path: string, bytes: Buffer): string;
  /** Writes the image of an extension that fits, and returns its path. */
  image(name: string, version?: string): string;
  /** Keeps all that is there now for `restore`, without what is merged. */
  keep(): Promise<void>;
  /** Makes everything as it was kept, and merges by systemd-sysext: a beginning for a test that costs no command. */
  restore(): Promise<void>;
}

/** Takes off whatever a killed merge has left, one over the other. */
const unmount = 'for hierarchy in usr opt; do while umount "$PWD/$hierarchy" 2>/dev/null; do :; done; done';
const merge = 'systemd-sysext merge --root="$PWD" >/dev/null 2>&1';

export async function quickAgent(): Promise<QuickAgent> {
  const quick = await quickRoot({ files: { 'etc/os-release': 'ID=scratch\nVERSION_ID=1\n' } });
  const agent: QuickAgent['agent'] = (...args) => quick.run([program, ...args, `--root=${quick.root}`]);
  const faulty: QuickAgent['faulty'] = ({ calls, inject, path, nth = 1 }, ...args) => {
    const on = path === undefined ? [] : ['-P', join(quick.root, path)];
    const fault = ['-e', `trace=${calls}`, '-e', `inject=${calls}:${inject}:when=${nth}`];
    const strace = ['strace', '-qq', '-o', '/dev/null', ...on, ...fault, '--'];
    return quick.run([...strace, program, ...args, `--root=${quick.root}`]);
  };
  const ok: QuickAgent['ok'] = async (...args) => {
    const { exitCode, stdout, stderr } = await agent(...args);
    if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${args.join(' ')}\n${stdout}${stderr}`);
    return stdout;
  };
  const put: QuickAgent['put'] = (path, bytes) => {
    mkdirSync(dirname(join(quick.root, path)), { recursive: true });
    writeFileSync(join(quick.root, path), bytes);
    return join(quick.root, path);
  };
  const shell: QuickAgent['shell'] = async (script) => {
    const { exitCode, stdout, stderr } = await quick.run(['bash', '-euc', `cd "$0"; ${script}`, quick.root]);
    if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${script}\n${stdout}${stderr}`);
    return stdout;
  };
  const kept = `${quick.root}.kept`;
  return {
    quick,
    agent,
    faulty,
    ok,
    json: async <T>(...args: readonly string[]) => JSON.parse(await ok(...args, '--json=short')) as T,
    shell,
    put,
    image: (name, version = '1') => put(`${name}.raw`, extensionImage(name, version)),
    keep: async () => {
      await shell(`cp -a --one-file-system . ${kept}`);
    },
    restore: async () => {
      await shell(`${unmount}; find . -mindepth 1 -delete; cp -a ${kept}/. .; ${merge}`);
    },
    [Symbol.asyncDispose]: async () => {
      await quick.stop();
      rmSync(kept, { recursive: true, force: true });
    },
  };
}
