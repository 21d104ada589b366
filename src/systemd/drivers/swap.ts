import { AgentError } from '../../core/errors.ts';
import { confext, sysext, type ExtensionClass } from '../../core/extension-class.ts';
import type { LimitedResult, RunLimits } from '../../host/limited-run.ts';
import type { HostProgram, ToolEnd } from './driver.ts';

/** Where native/sysext-agent-swap.c shows what it has prepared. */
export function preparedRoot(extensionClass: ExtensionClass): string {
  return swapDirectory('prepared', extensionClass);
}

function swapDirectory(what: 'prepared' | 'committed', extensionClass: ExtensionClass): string {
  return `/run/sysext-agent/${extensionClass === sysext ? what : `${what}-${extensionClass.name}`}`;
}

/** The directories that it leaves where it is killed. */
export const swapDirectories = [sysext, confext].flatMap((extensionClass) => [
  swapDirectory('prepared', extensionClass),
  swapDirectory('committed', extensionClass),
]);

export const swapProgram = 'sysext-agent-swap';

/** What sysext-agent-swap ends with when it fails itself, as where there is no such program to look with. */
export const swapFailed = 125;

type Argv = readonly [string, ...string[]];

/** The program that prepares and swaps; native/sysext-agent-swap.c says what each of its verbs does. */
export interface Swap {
  /**
   * Runs the program of systemd where nobody sees it, and returns how that ended.
   * @param before what is to come before that, on the host: a program that becomes the one it is given.
   */
  prepare(argv: Argv, timeLimit?: number, before?: (argv: Argv) => Argv): Promise<ToolEnd>;
  /** Runs a program where that is what is merged. */
  look(argv: readonly string[], limits: RunLimits): Promise<LimitedResult>;
  commit(): Promise<void>;
  abort(): Promise<void>;
  /** Of every class. */
  settle(): Promise<void>;
}

/** Where programs are run. */
export interface SwapHost {
  readonly run: HostProgram;
  /** For programs that nobody vouches for. */
  readonly runLimited: (argv: readonly [string, ...string[]], limits: RunLimits) => Promise<LimitedResult>;
}

/** @param program its absolute path. */
export function swapBy(program: string, host: SwapHost, extensionClass: ExtensionClass): Swap {
  const swap = [program, `--class=${extensionClass.name}`] as const;
  const run = (verb: keyof Swap, argv: Argv, timeLimit?: number): Promise<ToolEnd> =>
    host.run({ name: `${verb}-swap`, argv, ...(timeLimit === undefined ? {} : { timeLimit }) });
  const runOk = async (verb: keyof Swap): Promise<void> => {
    const end = await run(verb, [...swap, verb]);
    if (end.exitCode !== 0) throw failure(verb, end);
  };
  return {
    prepare: async (argv, timeLimit, before = (same) => same) => {
      const end = await run('prepare', before([...swap, 'prepare', ...argv]), timeLimit);
      if (end.exitCode === swapFailed) throw failure('prepare', end);
      return end;
    },
    look: (argv, limits) => host.runLimited([...swap, 'look', ...argv], limits),
    commit: () => runOk('commit'),
    abort: () => runOk('abort'),
    settle: () => runOk('settle'),
  };
}

/** By one that has PID 1 run them, which ends them in time as well. */
export function limitedBy(onHost: HostProgram): SwapHost['runLimited'] {
  return async (argv, { timeout }) => {
    const { exitCode, said } = await onHost({ name: 'look-swap', argv, timeLimit: timeout / 1000 });
    return { exitCode, output: said.join('\n') };
  };
}

function failure(verb: keyof Swap, { exitCode, said }: ToolEnd): AgentError {
  return new AgentError('merge-failed', `${swapProgram} ${verb} failed with exit code ${exitCode}`, {
    facts: said,
    next: 'With `merge: {driver: refresh}` in agent.yml systemd-sysext does it alone, with a gap.',
  });
}
