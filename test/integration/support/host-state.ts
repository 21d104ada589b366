import { expect } from 'vitest';

import { filesBelow, mountsOf, wholeHost } from './host-files.ts';
import { deedsIn, recordOf } from './host-record.ts';
import type { CommandOptions, CommandResult } from '../../lab/command.ts';
import { bootMachine, type Machine, type MachineOptions } from '../../lab/machine.ts';
import { extensionImage, putBytes } from './images.ts';

/** What a user of the host could notice: the lines that each of the looks below shows. */
export type HostState = Readonly<Record<string, readonly string[]>>;

/** What only programs of the machine can tell; each prints lines. */
const programs: Readonly<Record<string, string>> = {
  merged: 'systemd-sysext status --json=short',
  // Images of the machine lie on its own file systems: those of the host that it sees have other people's devices.
  'loop devices': `losetup --list --raw --noheadings --output BACK-MAJ:MIN,BACK-INO | grep --fixed-strings --word-regexp \\
    "$(findmnt --raw --noheadings --types overlay,tmpfs --output MAJ:MIN | sort --unique)" | sort || true`,
};

/** Looks at everything at once; what is in files is read from outside, since a process costs more than all of that. */
export async function hostState(machine: Machine): Promise<HostState> {
  const script = Object.entries(programs).map(([name, look]) => `echo '== ${name}'\n${look}`);
  const text = await machine.shell(script.join('\n'));
  const sections = text.split(/^== /m).slice(1);
  const told = sections.map((section) => {
    const [name = '', ...lines] = section.trimEnd().split('\n');
    return [name, lines] as const;
  });
  const { inside } = machine;
  const { digest, temporary } = wholeHost(inside);
  return {
    extensions: filesBelow(inside, ['/etc/extensions', '/run/extensions', '/var/lib/extensions']),
    images: filesBelow(inside, ['/var/lib/sysext-agent/images']),
    record: recordOf(inside),
    mounts: mountsOf(inside),
    'digest of /usr': [digest],
    'temporary names': temporary,
    ...Object.fromEntries(told),
  };
}

/** The operations that the history tells of, oldest first: `install done`. */
export async function deeds(machine: Machine): Promise<string[]> {
  const { stdout } = await machine.agent(['history', '--json=short', '--limit=99999']);
  const { operations } = JSON.parse(stdout) as { operations: { verb: string; result: string }[] };
  return operations.map(({ verb, result }) => `${verb} ${result}`).reverse();
}

/**
 * Runs `sysext-agent` where it must change nothing: neither the host nor the history, but for one operation that is told
 * as failed or interrupted.
 * @returns what it printed, for the caller to judge.
 */
export async function unchanged(
  machine: Machine,
  args: readonly string[],
  options?: CommandOptions,
): Promise<CommandResult> {
  return unchangedBy(machine, () => machine.agent(args, options));
}

/** The same for anything that runs a command. */
export async function unchangedBy(machine: Machine, run: () => Promise<CommandResult>): Promise<CommandResult> {
  const [before, deedsBefore] = [await hostState(machine), deedsIn(machine.inside)];
  const result = await run();
  const [after, deedsAfter] = [await hostState(machine), deedsIn(machine.inside)];
  const added = deedsAfter.slice(deedsBefore.length);
  // The result stands on both sides so that it shows where the states differ.
  expect({ result, ...after, 'temporary names': [] }).toEqual({ result, ...before });
  expect({ result, added }).toEqual({ result, added: added.slice(0, 1).filter((deed) => !deed.endsWith(' done')) });
  return result;
}

/** A result with this exit code, nothing on standard output, and these texts in this order on standard error. */
export function failure(exitCode: number, ...texts: readonly string[]): CommandResult {
  const pattern = texts.map((text) => RegExp.escape(text)).join('[^]*');
  return { exitCode, stdout: '', stderr: expect.stringMatching(pattern) };
}

/** A machine where one extension, `base`, is installed and merged: what must stay as it is. */
export async function machineWithBase(options: Omit<MachineOptions, 'systemd'> = {}): Promise<Machine> {
  const machine = await bootMachine({ systemd: 257, ...options });
  await putBytes(machine, '/srv/base.raw', extensionImage('base'));
  const { exitCode, stderr } = await machine.agent(['install', '/srv/base.raw']);
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  return machine;
}
