import { expect } from 'vitest';

import type { CommandOptions, CommandResult } from '../../lab/command.ts';
import { bootMachine, type Machine, type MachineOptions } from '../../lab/machine.ts';
import { extensionImage, putBytes } from './images.ts';

/** What a user of the host could notice: the lines that each of the looks below shows. */
export type HostState = Readonly<Record<string, readonly string[]>>;

/** Each look prints lines; files are listed with their inodes and digests. */
const looks: Readonly<Record<string, string>> = {
  extensions: 'files /etc/extensions /run/extensions /var/lib/extensions',
  images: 'files /var/lib/sysext-agent/images',
  merged: 'systemd-sysext status --json=short',
  'list of the agent': '/srv/sysext-agent/bin/sysext-agent list --json=short',
  'digest of /usr': `find /usr -mindepth 1 -not -path '*/.systemd-sysext*' -printf '%p %y %m %s %T@ %l\\n' | sort | sha256sum`,
  mounts: 'findmnt --raw --noheadings --output TARGET,SOURCE,FSTYPE,OPTIONS | sort',
  // Images of the machine lie on its own file systems: those of the host that it sees have other people's devices.
  'loop devices': `losetup --list --raw --noheadings --output BACK-MAJ:MIN,BACK-INO | grep --fixed-strings --word-regexp \\
    "$(findmnt --raw --noheadings --types overlay,tmpfs --output MAJ:MIN | sort --unique)" | sort || true`,
  'temporary names': `find /etc /opt /root /run /tmp /usr /var -name '.#*' -not -path '/run/systemd/*' | sort`,
};

const filesFunction = `files() {
  for directory; do
    test -e "$directory" || continue
    find "$directory" -type d -printf '%p %y %m %U:%G %i\\n' -o -printf '%p %y %m %U:%G %i %s %T@ %l\\n' | sort
    find "$directory" -type f -exec sha256sum '{}' + | sort
  done
}`;

/** Looks at everything at once. */
export async function hostState(machine: Machine): Promise<HostState> {
  const script = Object.entries(looks).map(([name, look]) => `echo '== ${name}'\n${look}`);
  const text = await machine.shell([filesFunction, ...script].join('\n'));
  const sections = text.split(/^== /m).slice(1);
  return Object.fromEntries(
    sections.map((section) => {
      const [name = '', ...lines] = section.trimEnd().split('\n');
      return [name, lines];
    }),
  );
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
  const [before, deedsBefore] = await Promise.all([hostState(machine), deeds(machine)]);
  const result = await run();
  const [after, deedsAfter] = await Promise.all([hostState(machine), deeds(machine)]);
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
