import { execFileSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { basename } from 'node:path';

import type { CommandResult } from '../../lab/command.ts';
import type { Machine } from '../../lab/machine.ts';

const directory = '/srv/strace';

/** What begins a command line that strace runs, in a shell of the machine. */
export const strace = `${directory}/loader --library-path ${directory} ${directory}/strace -qq -o /dev/null`;

/** Where in its work a process is killed: as it enters the `nth` of these system calls. */
export interface CrashPoint {
  readonly calls: string;
  readonly nth: number;
}

/** Gives a machine the strace of this host, with the libraries it needs. */
export async function installStrace(machine: Machine): Promise<void> {
  const program = execFileSync('which', ['strace'], { encoding: 'utf8' }).trim();
  const libraries = execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+(?= \(0x)/g) ?? [];
  for (const path of [program, ...libraries])
    await machine.copyIn(realpathSync(path), `${directory}/${basename(path)}`);
  await machine.shell(`ln -s ${directory}/ld-* ${directory}/loader`);
}

/** Runs `sysext-agent` and kills its main thread at this point; where it never gets there, it runs to its end. */
export async function crashAt(machine: Machine, point: CrashPoint, args: readonly string[]): Promise<CommandResult> {
  const inject = `inject=${point.calls}:signal=KILL:when=${point.nth}`;
  const tracing = [`${directory}/strace`, '-qq', '-o', '/dev/null', '-e', `trace=${point.calls}`, '-e', inject];
  const loader = [`${directory}/loader`, '--library-path', directory];
  return machine.run([...loader, ...tracing, '--', '/srv/sysext-agent/bin/sysext-agent', ...args]);
}

/** The system calls that a process makes within so many seconds, all its threads together, by their names. */
export async function systemCallsOf(machine: Machine, pid: string, seconds: number): Promise<Record<string, number>> {
  const program = `${directory}/loader --library-path ${directory} ${directory}/strace`;
  const script = `timeout --signal=INT ${seconds} ${program} -qq -c -U calls,name -f -p ${pid} -o /run/calls || true; cat /run/calls`;
  const table = await machine.shell(script, { timeoutMs: (seconds + 60) * 1000 });
  const rows = Array.from(table.matchAll(/^ *(\d+) +([a-z]\w*)$/gm), ([, calls, name = '']) => [name, Number(calls)]);
  return Object.fromEntries(rows.filter(([name]) => name !== 'total')) as Record<string, number>;
}
