import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import { findProgram } from '../../host/exec.ts';
import { fileStatus, makeDirectory, makeLink, makeTemporaryDirectory, writeInPlace } from '../../host/files.ts';
import { linkTarget } from '../../host/root.ts';
import type { Bind, Sandbox, SandboxEnd } from '../sandbox/sandbox.ts';

/** A script of the shell that is run beside a repository. */
export interface GitScript {
  readonly text: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly network: boolean;
  /** Standard input: what is too secret for an argument or a file. */
  readonly input?: string;
  /** Whether what it changes is there for those after it. */
  readonly keeps: boolean;
  /** Gets what it prints, as it comes. */
  readonly take: (piece: Uint8Array, stream: 'stdout' | 'stderr') => void;
  readonly signal?: AbortSignal;
}

/** Where one repository is at `/git`, apart from this host: whoever has filled it may be hostile to whoever reads it. */
export interface GitRoom extends AsyncDisposable {
  /** @throws AgentError as `Sandbox.run` */
  run(script: GitScript): Promise<SandboxEnd>;
}

export interface GitRooms {
  /**
   * @param work a directory of this build.
   * @throws AgentError `tool-missing` where this host has no git.
   */
  open(work: string): Promise<GitRoom>;
}

/** git reads neither the configuration of this host nor that of a user, asks nobody, and runs nothing of the repository's. */
const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C.UTF-8',
  HOME: '/nobody',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_TERMINAL_PROMPT: '0',
  GIT_ALLOW_PROTOCOL: 'https:http:ssh:git',
  GIT_NO_REPLACE_OBJECTS: '1',
} as const;

const limits = { time: 3600, memory: 4 * 1024 ** 3, processes: 256, disk: 16 * 1024 ** 3 };

/** Rooms with the programs of this host and nothing else of it, each in a sandbox. */
export function sandboxedGit(sandbox: Sandbox): GitRooms {
  return {
    open: async (work) => {
      if (findProgram('git') === undefined) throw gitMissing();
      const own = makeTemporaryDirectory(work);
      const [base, repository] = [join(own, 'base'), join(own, 'repository')];
      const binds = furnish(base);
      await sandbox.adoptLayer(base);
      let isFilled = false;
      return {
        run: async ({ text, args, environment: more, network, input, keeps, take, signal }) => {
          const lower = isFilled && !keeps ? [base, repository] : [base];
          isFilled ||= keeps;
          return sandbox.run({
            tree: { lower, upper: keeps ? repository : undefined },
            argv: ['/bin/sh', '-eu', '-c', text, 'sh', ...args],
            directory: '/',
            environment: { ...environment, ...more },
            binds,
            network,
            limits,
            take,
            ...(input === undefined ? {} : { input }),
            ...(signal === undefined ? {} : { signal }),
          });
        },
        [Symbol.asyncDispose]: () => sandbox.removeLayer(own),
      };
    },
  };
}

/** Where programs are, beside `/usr`: on most systems links into that. */
const programPlaces = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

/** What git and ssh read of this host: which certificates count, how names are found, where libraries are. */
const readPlaces = [
  ...['ca-certificates', 'crypto-policies', 'gai.conf', 'gnutls', 'ld.so.cache', 'nsswitch.conf', 'pki', 'ssl'],
].map((name) => `etc/${name}`);

/** Makes the root directory of a room. @returns what of this host belongs into it. */
function furnish(base: string): readonly Bind[] {
  for (const name of ['usr', 'etc', 'dev', 'proc', 'git', 'nobody']) makeDirectory(join(base, name));
  makeDirectory(join(base, 'tmp'));
  writeInPlace(join(base, 'etc/passwd'), 'root:x:0:0::/nobody:/bin/sh\n');
  writeInPlace(join(base, 'etc/group'), 'root:x:0:\n');
  const links = programPlaces.flatMap((name) => [[name, linkTarget(`/${name}`)] as const]);
  for (const [name, target] of links) if (target !== undefined) makeLink(target, join(base, name));
  const bound = [...links.flatMap(([name, target]) => (target === undefined ? [name] : [])), ...readPlaces].filter(
    (name) => hasPlaceFor(name, base),
  );
  for (const name of ['resolv.conf', 'hosts']) writeInPlace(join(base, 'etc', name), '');
  return ['usr', ...bound].map((name) => ({ source: `/${name}`, at: `/${name}`, writable: false }));
}

/** Makes the place in a room where something of this host goes; false where this host has no such thing. */
function hasPlaceFor(name: string, base: string): boolean {
  const status = fileStatus(`/${name}`);
  if (status?.isDirectory() === true) makeDirectory(join(base, name));
  else if (status?.isFile() === true) writeInPlace(join(base, name), '');
  else return false;
  return true;
}

function gitMissing(): AgentError {
  return new AgentError('tool-missing', 'a source is a git repository, and the program git is not installed', {
    left: 'Nothing was built.',
    next: 'Install the package git.',
  });
}
