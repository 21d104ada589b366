import { runTransient, type TransientHost } from '../transient.ts';
import type { HostProgram } from './driver.ts';
import { linesOf } from './lines.ts';

/** How long a program may take, in milliseconds: it copies nothing, but devices may be slow to come. */
const longest = 10 * 60_000;

/**
 * For a process that is not where the host's mounts are: PID 1 runs programs. They are never stopped half-way, also when
 * we end.
 */
export function byManager(host: TransientHost): HostProgram {
  return async ({ name, argv, timeLimit }) => {
    const { exitCode, result, output } = await runTransient(host, {
      name,
      description: `System extensions: ${name}, for sysext-agent`,
      argv,
      timeoutMs: timeLimit === undefined ? longest : timeLimit * 1000,
    });
    const ended = ['success', 'exit-code'].includes(result) ? [] : [`systemd ended it: ${result}`];
    return { exitCode, said: [...linesOf(output), ...ended] };
  };
}
