import { AgentError } from '../../core/errors.ts';
import type { Bind, Sandbox, SandboxRun, SandboxTree } from '../sandbox/sandbox.ts';

/** A command of a package manager within a root. */
export interface Command {
  readonly tree: SandboxTree;
  readonly argv: readonly [string, ...string[]];
  readonly environment?: Readonly<Record<string, string>>;
  readonly binds: readonly Bind[];
  readonly network: boolean;
  readonly signal: AbortSignal | undefined;
}

/** More than any set of packages takes: a script of one that goes astray is to be ended, no more. */
const limits = { time: 3 * 3600, memory: 16 * 1024 ** 3, processes: 8192, disk: 64 * 1024 ** 3 };

const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
  DEBIAN_FRONTEND: 'noninteractive',
};

/** How much of the output is kept, in bytes. */
const mostOutput = 4 * 1024 ** 2;

/**
 * Runs a command that must succeed, and returns its standard output.
 * @param failed makes the error of a command that did not, from what it printed.
 */
export async function runWithin(
  sandbox: Sandbox,
  command: Command,
  failed: (output: string, exitCode: number) => AgentError,
): Promise<string> {
  const pieces: { readonly piece: Uint8Array; readonly stream: string }[] = [];
  let size = 0;
  const run: SandboxRun = {
    tree: command.tree,
    argv: command.argv,
    binds: command.binds,
    network: command.network,
    directory: '/',
    environment: { ...environment, ...command.environment },
    limits,
    ...(command.signal === undefined ? {} : { signal: command.signal }),
    take: (piece, stream) => {
      size += piece.length;
      if (size <= mostOutput) pieces.push({ piece, stream });
    },
  };
  const { exitCode, exceeded } = await sandbox.run(run);
  const text = (streams: readonly string[]) =>
    Buffer.concat(pieces.filter(({ stream }) => streams.includes(stream)).map(({ piece }) => piece)).toString();
  if (exceeded !== undefined)
    throw new AgentError('tool-failed', `${command.argv[0]} was ended: it took more ${exceeded} than is allowed`);
  if (exitCode !== 0) throw failed(text(['stdout', 'stderr']), exitCode);
  return text(['stdout']);
}
