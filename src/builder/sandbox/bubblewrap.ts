import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import type { Clock } from '../../host/clock.ts';
import { findProgram, runOk, type Exec } from '../../host/exec.ts';
import { fileStatus, linkStatus, makeDirectory, readTextIfAny, rename, writeInPlace } from '../../host/files.ts';
import { abandonedDirectories, ownedTemporary } from '../../host/owned.ts';
import { giveTo, ownUser } from '../../host/owner.ts';
import { startStreamed } from '../../host/streamed-program.ts';
import {
  bubblewrapOptions,
  handedOver,
  innerScript,
  inOwn,
  namesFor,
  neighbourhood,
  outerCommand,
  overlayName,
  type Bound,
} from './confinement.ts';
import { systemCallFilter } from './filter.ts';
import { identityFor, rootOf, type Identity } from './identity.ts';
import { placeIn } from './place.ts';
import type { Bind, Sandbox, SandboxEnd, SandboxRun } from './sandbox.ts';
import { cannotIsolate, refuseMissing } from './trouble.ts';
import { firstExcess, leastFile, type Ended } from './watch.ts';

export interface SandboxHost {
  readonly exec: Exec;
  readonly clock: Clock;
  /** For what is thrown away: only this user can enter it. Made where it is not there. */
  readonly directory: string;
}

/** What programs run with on their way into the sandbox. */
const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' };

/** Isolates programs with bubblewrap, in layers of overlayfs, as root or as any user who may make namespaces. */
export function createSandbox(host: SandboxHost): Sandbox {
  return {
    run: (run) => runIn(host, run),
    adoptLayer: (directory) => adopt(host.exec, directory),
    removeLayer: (directory) => remove(host.exec, directory),
  };
}

async function runIn(host: SandboxHost, run: SandboxRun): Promise<SandboxEnd> {
  if (run.signal?.aborted === true) throw interrupted(run);
  const identity = identityHere();
  const own = await makeOwn(host, identity, run);
  try {
    return await confined(host, identity, own, withResolver(run));
  } finally {
    const { upper } = run.tree;
    if (upper !== undefined) rename(join(own, inOwn.upper), upper);
    await remove(host.exec, own);
  }
}

/** @throws AgentError `tool-missing` */
function identityHere(): Identity {
  refuseMissing(findProgram);
  const identity = identityIfAny();
  if (identity === undefined) throw cannotIsolate('this system has no user ids left for them', []);
  return identity;
}

function identityIfAny(): Identity | undefined {
  const mapping = findProgram('newuidmap') === undefined ? undefined : ['/etc/subuid', '/etc/subgid'];
  return identityFor({
    user: ownUser(),
    uidMap: readTextIfAny('/proc/self/uid_map') ?? '',
    subordinate: mapping?.map((path) => readTextIfAny(path) ?? ''),
  });
}

/**
 * Packages have files of many users.
 * @throws AgentError `tool-missing` where programs in sandboxes of this user can only be root.
 */
export function requireUsers(): void {
  const identity = identityHere();
  if (identity.kind === 'range' || identity.others) return;
  throw new AgentError('tool-missing', 'packages cannot be set up: this user has no other user ids to give them', {
    left: 'Nothing was built.',
    next: 'Install uidmap, and give the user ids with "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER"; or run the command as root.',
  });
}

function sandboxRoot(): number {
  return rootOf(identityHere(), ownUser().uid);
}

/**
 * The directory of one run. What is changed is moved into it and back: the overlay wants it beside a directory of its own,
 * and both where root of the sandbox can reach them.
 */
async function makeOwn(host: SandboxHost, identity: Identity, { tree }: SandboxRun): Promise<string> {
  makeDirectory(host.directory, 0o700);
  const place = neighbourhood(tree, host.directory);
  await removeAbandoned(host.exec, place);
  const own = ownedTemporary(place);
  const root = rootOf(identity, ownUser().uid);
  makeDirectory(own);
  for (const name of [inOwn.stage, inOwn.work]) makeDirectory(join(own, name));
  const upper = join(own, inOwn.upper);
  if (tree.upper !== undefined && linkStatus(tree.upper) !== undefined) rename(tree.upper, upper);
  else makeDirectory(upper);
  for (const name of [inOwn.upper, inOwn.work]) giveTo(join(own, name), root);
  return own;
}

/** Removes the directories of runs of which we were killed. */
async function removeAbandoned(exec: Exec, place: string): Promise<void> {
  for (const path of abandonedDirectories(place)) await remove(exec, path);
}

/** Who may reach the network must find names there. */
function withResolver(run: SandboxRun): SandboxRun {
  if (!run.network) return run;
  const files = ['/etc/resolv.conf', '/etc/hosts'].filter((path) => fileStatus(path)?.isFile() === true);
  return { ...run, binds: [...run.binds, ...files.map((path) => ({ source: path, at: path, writable: false }))] };
}

async function confined(host: SandboxHost, identity: Identity, own: string, run: SandboxRun): Promise<SandboxEnd> {
  const { tree, binds, limits, input, network, argv } = run;
  const filter = systemCallFilter(process.arch, network);
  const texts = [
    [inOwn.messages, ''],
    [inOwn.filter, filter ?? ''],
    [
      inOwn.options,
      bubblewrapOptions(run, boundIn(run, own))
        .map((option) => `${option}\0`)
        .join(''),
    ],
    ...(input === undefined ? [] : [[inOwn.input, input] as const]),
  ] as const;
  for (const [name, text] of texts) writeInPlace(join(own, name), text);
  for (const bind of binds) prepareBind(bind, identity);
  const [program, ...args] = outerCommand(
    identity,
    {
      own,
      named: namesFor(run, own),
      inner: innerScript(tree, limits, { input: input !== undefined, filter: filter !== undefined }),
      overlays: tree.overlays?.length ?? 0,
    },
    argv,
  );
  return supervised(host, own, run, [program, ...args]);
}

/** Where overlays and binds go, which are put there one after the other. */
function boundIn({ tree, binds }: SandboxRun, own: string): readonly Bound[] {
  const overlays = tree.overlays ?? [];
  return [
    ...overlays.map(({ at }, index) => ({ name: overlayName(index), at, writable: false })),
    ...binds.map(({ at, writable }, index) => ({ name: `b${index}`, at, writable })),
  ].map((bound) => ({ ...bound, at: placeIn([...tree.lower, join(own, inOwn.upper)], bound.at) }));
}

/** Root of the sandbox may write to a directory that is bound to be written to, whatever is in it. */
function prepareBind({ source, writable }: Bind, identity: Identity): void {
  if (writable) giveTo(source, rootOf(identity, ownUser().uid));
}

async function supervised(
  host: SandboxHost,
  own: string,
  run: SandboxRun,
  [program, ...args]: readonly [string, ...string[]],
): Promise<SandboxEnd> {
  const { limits, signal, take, binds } = run;
  const places = [join(own, inOwn.upper), ...binds.filter(({ writable }) => writable).map(({ source }) => source)];
  const before = await sizeOf(host.exec, places);
  const written = async () => (await sizeOf(host.exec, places)) - before;
  const said = firstWords();
  const started = startStreamed(program, args, environment, (piece, stream) => {
    if (stream === 'stderr') said.add(piece);
    take(piece, stream);
  });
  const over = new AbortController();
  const watching = firstExcess(host.clock, { pid: started.pid, limits, directory: own, written }, over.signal).then(
    (excess) => {
      if (excess !== undefined) started.kill();
      return excess;
    },
  );
  const interrupt = () => {
    started.kill();
  };
  signal?.addEventListener('abort', interrupt, { once: true });
  try {
    const exitCode = await started.ended;
    over.abort();
    const ended = await watching;
    if (signal?.aborted === true) throw interrupted(run);
    if (ended === undefined) refuseUnconfined(own, exitCode, said.text());
    return endOf(own, exitCode, ended);
  } finally {
    over.abort();
    signal?.removeEventListener('abort', interrupt);
  }
}

/** The signal that ends who writes more to a file than is allowed; as an exit code. */
const fileTooLarge = 128 + 25;

function endOf(own: string, exitCode: number, ended: Ended | undefined): SandboxEnd {
  if (ended === 'disk full')
    throw new AgentError('disk-full', `no space is left on the file system of ${own}`, {
      next: 'Free some space on that file system, then try again.',
    });
  return { exitCode, exceeded: ended ?? (exitCode === fileTooLarge ? 'disk' : undefined) };
}

/** @throws AgentError where the program was never run. */
function refuseUnconfined(own: string, exitCode: number, said: string): void {
  const messages = (readTextIfAny(join(own, inOwn.messages)) ?? '').split('\n').filter((line) => line !== '');
  if (messages.at(-1) !== handedOver) throw cannotIsolate(undefined, messages);
  const [line = ''] = said.split('\n', 1);
  if (exitCode === 1 && /^(bwrap|prlimit): /.test(line) && !line.startsWith('bwrap: execvp'))
    throw cannotIsolate(undefined, [line]);
}

function interrupted({ argv }: SandboxRun): AgentError {
  return new AgentError('interrupted', `${argv[0]} was interrupted`);
}

/** The beginning of what a program says. */
function firstWords(): { add(piece: Uint8Array): void; text(): string } {
  let words = Buffer.alloc(0);
  return {
    add: (piece) => {
      if (words.length < 512) words = Buffer.concat([words, piece]).subarray(0, 512);
    },
    text: () => words.toString(),
  };
}

/** What is in directories, in bytes of the disk. du(1) goes as deep as directories are, whatever the length of paths. */
async function sizeOf(exec: Exec, directories: readonly string[]): Promise<number> {
  const total = async (...options: string[]) => {
    const { stdout } = await exec.run(...asRoot('du', ['--summarize', '--total', ...options, '--', ...directories]));
    return Number(/^(\d+)\ttotal$/m.exec(stdout)?.[1] ?? 0);
  };
  return (await total('--block-size=1')) + leastFile * (await total('--inodes'));
}

/** Makes what we wrote belong to root of sandboxes, the directory itself last: it says that the others do. */
async function adopt(exec: Exec, directory: string): Promise<void> {
  const root = sandboxRoot();
  if (fileStatus(directory)?.uid === root) return;
  const owner = `${root}:${root}`;
  await runOk(exec, 'find', [directory, '-depth', '-exec', 'chown', '--no-dereference', owner, '{}', '+']);
}

/** rm(1) goes as deep as directories are; root of a namespace may remove what other users of it made. */
async function remove(exec: Exec, directory: string): Promise<void> {
  await runOk(exec, ...asRoot('rm', ['-rf', '--one-file-system', '--', directory]));
}

/**
 * The command, run by root: of this host, or of a namespace of what this user may be. It takes none of the programs that
 * isolate: what was made with them can be removed after them.
 */
function asRoot(program: string, args: readonly string[]): [string, readonly string[]] {
  const identity = identityIfAny();
  if (identity === undefined || identity.kind === 'range') return [program, args];
  return ['unshare', ['--map-root-user', ...(identity.others ? ['--map-auto'] : []), program, ...args]];
}
