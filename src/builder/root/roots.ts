import { machine } from 'node:os';
import { join } from 'node:path';

import { architectureOfMachine, rpmArchitecture, type Architecture } from '../../core/architecture.ts';
import { AgentError } from '../../core/errors.ts';
import { sha256, sha256OfFile } from '../../host/digest.ts';
import { runOk } from '../../host/exec.ts';
import {
  fileStatus,
  linkStatus,
  listNames,
  makeDirectory,
  readTextIfAny,
  rename,
  temporaryBeside,
} from '../../host/files.ts';
import { takeLock } from '../../host/lock.ts';
import { digestOfKeys, readKeys } from '../../host/openpgp.ts';
import { proxyVariables } from '../../host/proxy-variables.ts';
import type { PackageSource } from '../packages/packages.ts';
import type { BuildHost } from '../request.ts';
import { requireUsers } from '../sandbox/bubblewrap.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { repositoriesFor, type Repository, type Target } from '../targets/target.ts';
import type { BuildRoot, BuildRootRequest, BuildRoots } from './build-root.ts';
import { createDebRoots } from './deb-root.ts';
import { forgetOldRoots, readRoot, rememberRoot, rootOfRequest, rootPath, writeRoot } from './root-cache.ts';
import type { InstalledPackage, RootMaker } from './root-maker.ts';
import { createRpmRoots } from './rpm-root.ts';

export interface BuildRootOptions {
  readonly host: Pick<BuildHost, 'exec' | 'clock' | 'progress' | 'cacheDirectory' | 'architecture'>;
  readonly target: Target;
  /** The repositories of the target. */
  readonly source: PackageSource;
  readonly sandbox: Sandbox;
  readonly offline: boolean;
  /** Where http_proxy and the like are. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Counts up with every change of how roots are made. */
const version = 1;

/**
 * Roots in `roots/` of the cache, which only root can enter: each by the digest of the packages in it, made under a temporary
 * name; and for each request the digest of what came of it, as long as no index of the target changes.
 */
export function createBuildRoots(options: BuildRootOptions): BuildRoots {
  return { prepare: (request) => prepare(options, request) };
}

async function prepare(options: BuildRootOptions, request: BuildRootRequest): Promise<BuildRoot> {
  const { host, source, target } = options;
  refuseForeign(host.architecture);
  const directory = join(host.cacheDirectory, 'roots');
  makeDirectory(directory, 0o700);
  const key = await keyOf(options, request);
  const kept = rootOfRequest(directory, key);
  if (kept !== undefined) return kept;
  // What is not there is told in the words of the spec, and before anything is made.
  if (request.packages.length > 0) await source.select(request.packages, request.signal);
  requireUsers();
  using _lock = await takeLock(join(directory, 'lock'), {
    holder: 'making a build root',
    waitSeconds: 3600,
    signal: request.signal,
  });
  await sweep(options, directory);
  const maker = makerFor(options, directory);
  const root = rootOfRequest(directory, key) ?? (await makeRoot(options, directory, request, maker));
  host.progress.step(`the build root of ${target.name} has ${root.packages.length} packages`);
  rememberRoot(directory, key, root.digest);
  return root;
}

/** Everything that decides what a request gives. */
async function keyOf(options: BuildRootOptions, request: BuildRootRequest): Promise<string> {
  const { target, host, source } = options;
  const repositories = repositoriesFor(target, host.architecture).map((repository) => ({
    ...repository,
    keys: digestOfKeys(keysThatAreThere(repository)),
  }));
  const packages = request.packages.map(({ name, constraints }) => [name, constraints]);
  const files = request.files.map(sha256OfFile);
  const indexes = await source.fingerprint?.(request.signal);
  const { kind } = request;
  return sha256(JSON.stringify([version, repositories, host.architecture, indexes, kind, packages, files]));
}

function keysThatAreThere({ family, keys }: Repository) {
  return readKeys(
    family === 'deb' ? keys : keys.filter((key) => typeof key !== 'string' || fileStatus(key) !== undefined),
  );
}

async function makeRoot(
  options: BuildRootOptions,
  directory: string,
  request: BuildRootRequest,
  maker: RootMaker,
): Promise<BuildRoot> {
  const { host, target } = options;
  const expected = await maker.resolve?.(request);
  const made = expected === undefined ? undefined : readRoot(directory, digestOf(options, request, expected));
  if (made !== undefined) return made;
  host.progress.step(`making the build root of ${target.name}`);
  return keepRoot(options, directory, request, (temporary) => maker.make(temporary, request));
}

/** Lets a root be made under a temporary name; where there is one of the same packages, that one counts. */
async function keepRoot(
  options: BuildRootOptions,
  directory: string,
  request: Pick<BuildRootRequest, 'kind' | 'files'>,
  make: (temporary: string) => Promise<readonly InstalledPackage[]>,
): Promise<BuildRoot> {
  const temporary = temporaryBeside(join(directory, 'root'));
  try {
    const packages = await make(temporary);
    const digest = digestOf(options, request, packages);
    const kept = readRoot(directory, digest);
    if (kept !== undefined) return kept;
    // It is trusted by its name from now on, also after a power cut.
    await runOk(options.host.exec, 'sync', ['--file-system', temporary]);
    if (linkStatus(rootPath(directory, digest)) !== undefined)
      await options.sandbox.removeLayer(rootPath(directory, digest));
    rename(temporary, rootPath(directory, digest));
    return writeRoot(directory, digest, packages);
  } finally {
    if (linkStatus(temporary) !== undefined) await options.sandbox.removeLayer(temporary);
  }
}

function digestOf(
  { target, host }: BuildRootOptions,
  { kind, files }: Pick<BuildRootRequest, 'kind' | 'files'>,
  packages: readonly InstalledPackage[],
): string {
  const sorted = packages.map(({ name, version: of, architecture }) => `${name} ${of} ${architecture}`).sort();
  return sha256(
    JSON.stringify([version, target.name, host.architecture, kind, sorted, files.map(sha256OfFile).sort()]),
  );
}

function makerFor(options: BuildRootOptions, directory: string): RootMaker {
  const { host, target, source, sandbox, offline } = options;
  const repositories = repositoriesFor(target, host.architecture);
  const deb = repositories.filter((repository) => repository.family === 'deb');
  const rpm = repositories.filter((repository) => repository.family === 'rpm');
  const { cacheDirectory, architecture } = host;
  const means = { sandbox, directory, offline, proxies: proxyVariables(options.environment) };
  if (rpm.length > 0) return createRpmRoots({ ...means, repositories: rpm, architecture, target });
  return createDebRoots({
    ...means,
    repositories: deb,
    source,
    cacheDirectory,
    base: async (packages, make) => {
      const seed = { kind: 'base' as const, files: [] };
      const digest = sha256(JSON.stringify(['seed', digestOf(options, seed, packages)]));
      return readRoot(directory, digest) ?? (await keepSeed(options, directory, digest, make));
    },
  });
}

/** As keepRoot(), under the digest of what it is made of. */
async function keepSeed(
  options: BuildRootOptions,
  directory: string,
  digest: string,
  make: (temporary: string) => Promise<readonly InstalledPackage[]>,
): Promise<BuildRoot> {
  options.host.progress.step(`unpacking the package manager of ${options.target.name}`);
  const temporary = temporaryBeside(join(directory, 'root'));
  try {
    const packages = await make(temporary);
    await runOk(options.host.exec, 'sync', ['--file-system', temporary]);
    rename(temporary, rootPath(directory, digest));
    return writeRoot(directory, digest, packages);
  } finally {
    if (linkStatus(temporary) !== undefined) await options.sandbox.removeLayer(temporary);
  }
}

/** Who holds the lock is the only one that makes roots: what is unfinished is of one that was killed. */
async function sweep({ sandbox, host }: BuildRootOptions, directory: string): Promise<void> {
  const killed = listNames(directory).filter((candidate) => candidate.startsWith('.#root.'));
  const old = forgetOldRoots(directory, host.clock.now());
  for (const path of [...killed.map((name) => join(directory, name)), ...old]) await sandbox.removeLayer(path);
}

/** @throws AgentError `usage` where this host runs no programs of the architecture. */
function refuseForeign(architecture: Architecture): void {
  const here = architectureOfMachine(machine());
  if (here === architecture) return;
  const emulator = emulatorOf(architecture);
  const registered = readTextIfAny(`/proc/sys/fs/binfmt_misc/${emulator}`) ?? '';
  // Without the flag F the emulator would have to be in the root itself.
  if (registered.startsWith('enabled') && /^flags: .*F/m.test(registered)) return;
  throw new AgentError('usage', `programs for ${architecture} do not run on this host (${here ?? machine()})`, {
    left: 'Nothing was built.',
    next: `Build on such a host, or let ${emulator} run them here: on Debian, install qemu-user-static and binfmt-support.`,
  });
}

/** As qemu's own packages register it (binfmt.d(5)). */
function emulatorOf(architecture: Architecture): string {
  const names: Partial<Record<Architecture, string>> = { arm: 'arm', x86: 'i386' };
  return `qemu-${names[architecture] ?? rpmArchitecture(architecture)?.name ?? architecture}`;
}
