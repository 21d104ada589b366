import { join } from 'node:path';

import { rpmArchitecture, type Architecture } from '../../core/architecture.ts';
import { AgentError, type ErrorCode } from '../../core/errors.ts';
import { sha256 } from '../../host/digest.ts';
import { findProgram, tailOf } from '../../host/exec.ts';
import {
  copyAtomically,
  fileStatus,
  linkStatus,
  makeDirectory,
  makeLink,
  removeTree,
  writeAtomically,
} from '../../host/files.ts';
import { readKeys } from '../../host/openpgp.ts';
import { linkTarget } from '../../host/root.ts';
import type { Bind, Sandbox } from '../sandbox/sandbox.ts';
import { inBasearch, type RpmRepository, type Target } from '../targets/target.ts';
import type { BuildRootRequest } from './build-root.ts';
import {
  dnfConfiguration,
  dnfOptions,
  dnfPlaces,
  dnfRepositories,
  installedRpms,
  localRpm,
  rpmFormat,
  rpmMacros,
} from './dnf-text.ts';
import type { InstalledPackage, RootMaker } from './root-maker.ts';
import { runWithin, type Command } from './within.ts';

export interface RpmMeans {
  readonly repositories: readonly RpmRepository[];
  readonly target: Target;
  readonly architecture: Architecture;
  readonly sandbox: Sandbox;
  /** For what is kept beside the roots. */
  readonly directory: string;
  readonly offline: boolean;
  readonly proxies: Readonly<Record<string, string>>;
}

/** What a root has besides what is asked for: a shell and its tools, and what Dalec's workers build with. */
const kinds: Readonly<Record<BuildRootRequest['kind'], readonly string[]>> = {
  base: ['bash', 'coreutils', 'filesystem'],
  build: [
    ...['bash', 'binutils', 'bzip2', 'ca-certificates', 'coreutils', 'diffutils', 'file', 'filesystem', 'findutils'],
    ...['gawk', 'gcc', 'gcc-c++', 'glibc-devel', 'grep', 'gzip', 'make', 'patch', 'sed', 'tar', 'xz'],
  ],
};

/**
 * Roots of distributions with rpm packages. dnf cannot be brought here by names alone, so it is the host's, which sees in the
 * sandbox nothing of the host but `/usr`; it verifies by the keys of the target. Scripts of packages run with the root that
 * is made as theirs, and without network.
 */
export function createRpmRoots(means: RpmMeans): RootMaker {
  return {
    make: async (directory, request) => {
      const program = dnfProgram();
      makeDirectory(directory);
      const tools = toolTree(means);
      for (const layer of [directory, tools]) await means.sandbox.adoptLayer(layer);
      const { binds, files } = stage(means, request, directory);
      const options = dnfOptions(program, means.target.releasever, rpmArchitecture(means.architecture)?.name);
      const wanted = [...kinds[request.kind], ...request.packages.map(named), ...files];
      const command = (args: readonly string[], network: boolean): Command => ({
        argv: [program, ...options, ...args],
        tree: { lower: [tools], upper: undefined, roots: [dnfPlaces.root] },
        binds,
        network,
        signal: request.signal,
      });
      if (!means.offline) await run(means, command(['install', '--downloadonly', ...wanted], true));
      await run(means, command(['--cacheonly', 'install', ...wanted], false));
      return query(means, command([], false));
    },
  };
}

function dnfProgram(): string {
  const program = ['dnf', 'dnf-3', 'dnf5'].find((name) => findProgram(name) !== undefined);
  if (program !== undefined) return program;
  throw new AgentError(
    'tool-missing',
    'the program dnf is not installed: build roots of rpm distributions are made with it',
    {
      left: 'Nothing was built.',
      next: 'Install dnf, or dnf5.',
    },
  );
}

/** As dnf takes a package with its constraints: rich dependencies are not for the command line. */
function named({ name, constraints }: BuildRootRequest['packages'][number]): string {
  const [only] = constraints;
  const signs = { '<<': '<', '<=': '<=', '=': '=', '>=': '>=', '>>': '>' } as const;
  return only === undefined ? name : `${name} ${signs[only.relation]} ${only.version}`;
}

/** The directories of the root that lead to those below /usr, where the host has merged them. */
const merged = ['bin', 'lib', 'lib64', 'sbin'];

/** The tree that dnf runs in: the host's programs are bound to it. */
function toolTree({ directory }: RpmMeans): string {
  const tree = join(directory, 'tools');
  for (const name of ['usr', 'etc', 'tmp', 'var/tmp', 'run', 'root', 'dnf']) makeDirectory(join(tree, name));
  for (const name of merged) {
    const target = linkTarget(`/${name}`);
    if (target !== undefined) makeLink(target, join(tree, name));
  }
  writeAtomically(join(tree, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  writeAtomically(join(tree, 'etc/group'), 'root:x:0:\n');
  writeAtomically(join(tree, 'root/.rpmmacros'), rpmMacros);
  return tree;
}

interface StagedFiles {
  readonly binds: readonly Bind[];
  /** Local packages as dnf is told of them. */
  readonly files: readonly string[];
}

/** What of /etc the host's programs cannot do without: links to them, certificates, the configuration of cryptography. */
const hostFiles = ['/etc/alternatives', '/etc/ssl', '/etc/pki', '/etc/crypto-policies', '/etc/ld.so.cache', '/usr'];

function stage(means: RpmMeans, { files }: BuildRootRequest, root: string): StagedFiles {
  const { repositories } = means;
  const kept = join(means.directory, `dnf-${sha256(JSON.stringify(repositories)).slice(0, 16)}`);
  const [etc, cache] = [join(kept, 'etc'), join(kept, 'cache')];
  removeTree(etc);
  for (const path of [cache, ...['repos', 'keys', 'vars', 'plugins', 'files'].map((name) => join(etc, name))])
    makeDirectory(path);
  const basearch = rpmArchitecture(means.architecture)?.basearch ?? '';
  const filled = repositories.map((repository) => inBasearch(repository, basearch));
  const names = new Map(
    filled.map((repository, index) => [repository, writeKeys(repository, index, join(etc, 'keys'))]),
  );
  writeAtomically(join(etc, 'dnf.conf'), dnfConfiguration());
  writeAtomically(
    join(etc, 'repos/target.repo'),
    dnfRepositories(filled, (repository) => names.get(repository) ?? []),
  );
  const local = files.map((path, index) => localRpm(index, path));
  for (const [index, name] of local.entries()) copyAtomically(files[index] ?? '', join(etc, 'files', name));
  const there = hostFiles.filter(
    (path) => fileStatus(path) !== undefined && linkStatus(path)?.isSymbolicLink() !== true,
  );
  return {
    binds: [
      ...there.map((path) => ({ source: path, at: path, writable: false })),
      { source: etc, at: dnfPlaces.files, writable: false },
      { source: cache, at: dnfPlaces.cache, writable: true },
      { source: root, at: dnfPlaces.root, writable: true },
    ],
    files: local.map((name) => `${dnfPlaces.files}/files/${name}`),
  };
}

function writeKeys({ keys }: RpmRepository, index: number, directory: string): readonly string[] {
  const there = keys.filter((key) => typeof key !== 'string' || fileStatus(key) !== undefined);
  return readKeys(there).map(({ bytes }, number) => {
    const name = `${index}-${number}`;
    writeAtomically(join(directory, name), bytes);
    return name;
  });
}

/** dnf leaves a note of its own below the path of its cache, whatever it is told. */
const cleaningUp = `rm -rf ${dnfPlaces.root}/dnf; exec "$@"`;

async function query(means: RpmMeans, command: Command): Promise<readonly InstalledPackage[]> {
  const rpm = ['rpm', `--root=${dnfPlaces.root}`, '--query', '--all', `--queryformat=${rpmFormat}`];
  return installedRpms(await run(means, { ...command, argv: ['sh', '-euc', cleaningUp, 'sh', ...rpm] }));
}

function run(means: RpmMeans, command: Command): Promise<string> {
  return runWithin(means.sandbox, { ...command, environment: command.network ? means.proxies : {} }, failure);
}

const meanings: readonly (readonly [RegExp, ErrorCode])[] = [
  [
    /GPG check FAILED|is not signed|bad GPG signature|signature .*(BAD|NOT OK|failed)|checksum doesn't match/i,
    'verification-failed',
  ],
  [/No match for argument|Unable to find a match/, 'unknown-package'],
  [/nothing provides|conflicting requests|problem:/i, 'unsatisfiable'],
  [/Cannot download|Failed to download|Curl error/, 'network'],
  [/No space left on device|needs .* more space/, 'disk-full'],
];

function failure(output: string, exitCode: number): AgentError {
  const code = meanings.find(([pattern]) => pattern.test(output))?.[1] ?? 'tool-failed';
  return new AgentError(code, `the build root cannot be made: dnf ended with ${exitCode}`, {
    facts: tailOf(output),
    left: 'Nothing was built.',
  });
}
