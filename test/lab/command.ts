import { constants } from 'node:os';

import { execa } from 'execa';

export interface CommandOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** How long the command may take, in milliseconds; 120,000 unless given. */
  readonly timeoutMs?: number;
}

export interface CommandResult {
  /** As a shell would show it: 128 and the signal's number for a command that a signal ended. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const passedOn = ['http_proxy', 'https_proxy', 'no_proxy', 'NODE_EXTRA_CA_CERTS'];

/**
 * Runs a command with an environment of its own, whatever its exit code.
 * @param enter the command that goes before it and leads into a machine or a namespace.
 * @throws Error when it takes too long: it is ended then, with all its children.
 */
export async function runCommand(
  enter: readonly string[],
  argv: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { input, env = {}, timeoutMs = 120_000 } = options;
  const started = performance.now();
  // timeout(1) ends its whole process group: also what a namespace-entering parent has forked.
  const limited = ['--signal=KILL', String(timeoutMs / 1000), ...enter, ...argv];
  const running = execa('timeout', limited, {
    reject: false,
    extendEnv: false,
    env: { ...baseEnvironment(), ...env },
    stripFinalNewline: false,
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
  });
  const result = await tracked(running.pid, running);
  const exitCode = result.exitCode ?? 128 + (result.signal === undefined ? 0 : constants.signals[result.signal]);
  const { stdout, stderr } = result;
  if (performance.now() - started < timeoutMs) return { exitCode, stdout, stderr };
  throw new Error(`not done within ${timeoutMs / 1000} s: ${argv.join(' ')}\n${stdout}${stderr}`);
}

/** The process groups of the commands that run now. */
const groups = new Set<number>();

async function tracked<T>(group: number | undefined, ending: PromiseLike<T>): Promise<T> {
  if (group === undefined) return ending;
  groups.add(group);
  try {
    return await ending;
  } finally {
    groups.delete(group);
  }
}

/**
 * Lets stopped commands go on. A machine that shuts down stops all its processes before it ends them; nsenter stops
 * with its child, and would not see it end: the machine in turn would wait for that without end.
 */
export function continueCommands(): void {
  for (const group of groups) {
    try {
      process.kill(-group, 'SIGCONT');
    } catch {
      // It has just ended.
    }
  }
}

/** Does something during which commands may be stopped at any time, those of its own too. */
export async function whileContinued<T>(work: () => Promise<T>): Promise<T> {
  const continuing = setInterval(continueCommands, 200);
  try {
    return await work();
  } finally {
    clearInterval(continuing);
  }
}

/** Runs a command that must succeed and returns its standard output. */
export async function runCommandOk(
  enter: readonly string[],
  argv: readonly string[],
  options?: CommandOptions,
): Promise<string> {
  const { exitCode, stdout, stderr } = await runCommand(enter, argv, options);
  if (exitCode === 0) return stdout;
  throw new Error(`exit code ${exitCode}: ${argv.join(' ')}\n${stdout}${stderr}`);
}

function baseEnvironment(): Record<string, string> {
  const proxies = Object.fromEntries(passedOn.map((name) => [name, process.env[name] ?? ''] as const));
  const set = Object.entries(proxies).filter(([, value]) => value !== '');
  return { PATH: searchPath, HOME: '/root', LANG: 'C.UTF-8', ...Object.fromEntries(set) };
}
