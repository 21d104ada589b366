import type { Exec } from '../../host/exec.ts';
import type { LimitedExec } from '../../host/limited-run.ts';
import type { HostProgram } from './driver.ts';
import { linesOf } from './lines.ts';
import type { SwapHost } from './swap.ts';

/** How long a program may take, in seconds: it copies nothing, but devices may be slow to come. */
const longest = 300;

/** For programs that nobody vouches for. */
export function limitedDirectly(exec: LimitedExec): SwapHost['runLimited'] {
  return ([program, ...args], limits) => exec.runLimited(program, args, limits);
}

/** For a process that is where the host's mounts are. Programs are not stopped half-way when we end. */
export function directly(exec: Exec): HostProgram {
  return async ({ argv: [program, ...args], timeLimit = longest }) => {
    const { exitCode, stdout, stderr } = await exec.run(program, args, { shielded: true, timeLimit });
    return { exitCode, said: linesOf(`${stdout}\n${stderr}`) };
  };
}
