import { join } from 'node:path';

import { AgentError, type ErrorCode } from '../../core/errors.ts';
import { sha256 } from '../../host/digest.ts';
import { tailOf } from '../../host/exec.ts';
import { copyAtomically, fileStatus, makeDirectory, removeTree, writeAtomically } from '../../host/files.ts';
import { readKeys } from '../../host/openpgp.ts';
import { writeTree } from '../../host/tree-writer.ts';
import type { LocalPackage, PackageSource } from '../packages/packages.ts';
import type { Bind, Sandbox } from '../sandbox/sandbox.ts';
import type { DebRepository } from '../targets/target.ts';
import { aptConfiguration, aptFiles, aptSources, installedPackages, queryFormat, simulated } from './apt-text.ts';
import type { BuildRootRequest } from './build-root.ts';
import type { InstalledPackage, RootMaker } from './root-maker.ts';
import { seedTree } from './seed.ts';
import { runWithin, type Command } from './within.ts';

export interface DebMeans {
  readonly repositories: readonly DebRepository[];
  readonly source: PackageSource;
  readonly sandbox: Sandbox;
  /** Holds `packages/`, where the source puts them. */
  readonly cacheDirectory: string;
  /** For what is kept beside the roots. */
  readonly directory: string;
  readonly offline: boolean;
  /** Proxies, as in the environment. */
  readonly proxies: Readonly<Record<string, string>>;
  /** A root with no more than the package manager in it, made by `make` where there is none of these packages. */
  base(
    packages: readonly InstalledPackage[],
    make: (directory: string) => Promise<readonly InstalledPackage[]>,
  ): Promise<{ readonly directory: string; readonly packages: readonly InstalledPackage[] }>;
}

/** What is in every minimal system of Debian and Ubuntu, whatever the release, and apt; those that are not there are left out. */
const seeds = [
  ...['base-passwd', 'base-files', 'usr-is-merged', 'apt', 'bash', 'bsdutils', 'coreutils', 'dash', 'debianutils'],
  ...['diffutils', 'dpkg', 'findutils', 'grep', 'gzip', 'hostname', 'init-system-helpers', 'libc-bin', 'mawk'],
  ...['ncurses-base', 'ncurses-bin', 'perl-base', 'sed', 'tar', 'util-linux'],
];

/** What a root has besides what is asked for, as apt names it. */
const kinds: Readonly<Record<BuildRootRequest['kind'], readonly string[]>> = {
  base: ['?essential'],
  build: ['?essential', 'build-essential', 'ca-certificates', 'file', 'patch'],
};

/**
 * Roots of Debian and Ubuntu: apt and what it needs are brought here by our own verified reading and unpacked; then that apt
 * installs itself and all else, in the sandbox. The host needs neither apt nor dpkg.
 */
export function createDebRoots(means: DebMeans): RootMaker {
  const wanted = (request: BuildRootRequest) => wantedOf(means, request);
  return {
    resolve: async (request) => {
      const base = await baseOf(means, request.signal);
      const output = await withApt(means, request, async (binds) => {
        const apt = (script: string, args: readonly string[], network: boolean) =>
          run(means, { ...shell(script, args), tree: lowest(base.directory), binds, network, signal: request.signal });
        if (!means.offline) await apt('apt-get update', [], true);
        return apt('apt-get --simulate -o Debug::NoLocking=1 install "$@"', await wanted(request), false);
      });
      return latest([...base.packages, ...simulated(output)]);
    },
    make: async (directory, request) => {
      const base = await baseOf(means, request.signal);
      await copy(means, base.directory, directory, request.signal);
      await withApt(means, request, async (binds) => {
        const args = await wanted(request);
        const command = (script: string, network: boolean): Command => ({
          ...shell(script, args),
          tree: onlyUpper(means, directory),
          binds,
          network,
          signal: request.signal,
        });
        if (!means.offline) await run(means, command('apt-get install --download-only "$@"', true));
        await run(means, command(installing, false));
      });
      return query(means, directory, request.signal);
    },
  };
}

/** No daemon is started for being installed (policy-rc.d of Debian's invoke-rc.d(8)). */
const installing = `
printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
apt-get install --no-download "$@"
rm /usr/sbin/policy-rc.d`;

function shell(script: string, args: readonly string[]): Pick<Command, 'argv' | 'environment'> {
  return { argv: ['sh', '-euc', script, 'sh', ...args], environment: { APT_CONFIG: `${aptFiles}/apt.conf` } };
}

function lowest(directory: string): Command['tree'] {
  return { lower: [directory], upper: undefined };
}

/** A tree of one layer, which is changed. */
function onlyUpper({ directory: beside }: DebMeans, directory: string): Command['tree'] {
  const nothing = join(beside, 'nothing');
  makeDirectory(nothing);
  return { lower: [nothing], upper: directory };
}

/** Names, with the version where the spec has a word on it; files by their paths in the sandbox. */
async function wantedOf({ source }: DebMeans, { kind, packages, files, signal }: BuildRootRequest): Promise<string[]> {
  const chosen = await Promise.all(
    packages.map(async (request) => {
      const [pkg] = await source.select([request], signal);
      return pkg === undefined || request.constraints.length === 0 ? request.name : `${pkg.name}=${pkg.version}`;
    }),
  );
  return [...kinds[kind], ...chosen, ...files.map((_, index) => localFile(index))];
}

function localFile(index: number): string {
  return `/media/${index}.deb`;
}

async function baseOf(means: DebMeans, signal: AbortSignal | undefined) {
  const { source } = means;
  const packages = (await source.withDependencies?.(seeds, signal)) ?? [];
  const order = (name: string) => (seeds.includes(name) ? seeds.indexOf(name) : seeds.length);
  const sorted = packages.toSorted((a, b) => order(a.name) - order(b.name));
  const named = sorted.map(({ name, version, architecture }) => ({ name, version, architecture }));
  return means.base(named, async (directory) => {
    const local = await source.fetch(sorted, signal);
    const archives = await Promise.all(local.map((pkg) => source.entries(pkg, signal)));
    makeDirectory(directory);
    writeTree(directory, seedTree(archives));
    await means.sandbox.adoptLayer(directory);
    await installSeeds(means, directory, local, signal);
    return query(means, directory, signal);
  });
}

/** Users first, since whom files belong to is said by name. */
const installingSeeds = `
first=$1 second=$2
shift 2
dpkg --force-depends --force-unsafe-io --force-confold --install "$first"
dpkg --force-depends --force-unsafe-io --force-confold --install "$second"
dpkg --force-depends --force-unsafe-io --force-confold --install "$@"`;

async function installSeeds(
  means: DebMeans,
  directory: string,
  packages: readonly LocalPackage[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const files = packages.map(({ path }) => path.replace(join(means.cacheDirectory, 'packages'), '/srv'));
  await run(means, {
    ...shell(installingSeeds, files),
    tree: onlyUpper(means, directory),
    binds: [{ source: join(means.cacheDirectory, 'packages'), at: '/srv', writable: false }],
    network: false,
    signal,
  });
}

async function copy(means: DebMeans, from: string, to: string, signal: AbortSignal | undefined): Promise<void> {
  makeDirectory(to);
  await run(means, {
    argv: ['sh', '-euc', `cp --archive --one-file-system --reflink=auto /. /mnt/ && chmod 0755 /mnt`],
    tree: lowest(from),
    binds: [{ source: to, at: '/mnt', writable: true }],
    network: false,
    signal,
  });
}

async function query(means: DebMeans, directory: string, signal: AbortSignal | undefined) {
  const output = await run(means, {
    argv: ['dpkg-query', '--show', `--showformat=${queryFormat}`],
    tree: lowest(directory),
    binds: [],
    network: false,
    signal,
  });
  return installedPackages(output);
}

/** Of several versions of a package the last one in the list. */
function latest(packages: readonly InstalledPackage[]): readonly InstalledPackage[] {
  return [...new Map(packages.map((pkg) => [`${pkg.name}:${pkg.architecture}`, pkg])).values()];
}

const certificates = '/etc/ssl/certs/ca-certificates.crt';

/** Gives apt its configuration for as long as it works; what it fetches is kept. */
async function withApt<T>(
  means: DebMeans,
  { files }: BuildRootRequest,
  work: (binds: readonly Bind[]) => Promise<T>,
): Promise<T> {
  const kept = join(means.directory, `apt-${sha256(JSON.stringify(means.repositories)).slice(0, 16)}`);
  const [etc, media] = ['etc', 'media'].map((name) => join(kept, name)) as [string, string];
  const [lists, archives] = ['lists', 'archives'].map((name) => join(kept, name)) as [string, string];
  for (const directory of [etc, media]) removeTree(directory);
  for (const directory of [etc, media, lists, archives, join(etc, 'sources'), join(etc, 'keys')])
    makeDirectory(directory);
  const names = writeKeys(means.repositories, join(etc, 'keys'));
  const hasCertificates = fileStatus(certificates)?.isFile() === true;
  if (hasCertificates) copyAtomically(certificates, join(etc, 'certificates.crt'));
  writeAtomically(join(etc, 'apt.conf'), aptConfiguration(hasCertificates));
  writeAtomically(
    join(etc, 'sources/target.sources'),
    aptSources(means.repositories, (repository) => names.get(repository) ?? []),
  );
  for (const [index, file] of files.entries()) copyAtomically(file, join(media, `${index}.deb`));
  return work([
    { source: etc, at: aptFiles, writable: false },
    { source: media, at: '/media', writable: false },
    { source: lists, at: '/var/lib/apt/lists', writable: true },
    { source: archives, at: '/var/cache/apt/archives', writable: true },
  ]);
}

/** Writes the keys of each repository as apt tells them apart by their endings. */
function writeKeys(repositories: readonly DebRepository[], directory: string): Map<DebRepository, readonly string[]> {
  return new Map(
    repositories.map((repository, index) => [
      repository,
      readKeys(repository.keys).map(({ bytes }, number) => {
        const isArmored = Buffer.from(bytes).includes('-----BEGIN PGP');
        const name = `${index}-${number}.${isArmored ? 'asc' : 'gpg'}`;
        writeAtomically(join(directory, name), bytes);
        return name;
      }),
    ]),
  );
}

function run(means: DebMeans, command: Command): Promise<string> {
  const environment = { ...command.environment, ...(command.network ? means.proxies : {}) };
  return runWithin(means.sandbox, { ...command, environment }, failure);
}

const meanings: readonly (readonly [RegExp, ErrorCode])[] = [
  [/NO_PUBKEY|is not signed|Hash Sum mismatch|EXPKEYSIG|couldn't be verified|not live until/, 'verification-failed'],
  [/Unable to locate package|Couldn't find any package|has no installation candidate/, 'unknown-package'],
  [/unmet dependencies|held broken packages|Version '.*' for '.*' was not found/, 'unsatisfiable'],
  [/Failed to fetch|Could not (resolve|connect)|Temporary failure/, 'network'],
  [/No space left on device/, 'disk-full'],
];

function failure(output: string, exitCode: number): AgentError {
  const code = meanings.find(([pattern]) => pattern.test(output))?.[1] ?? 'tool-failed';
  return new AgentError(code, `the build root cannot be made: apt ended with ${exitCode}`, {
    facts: tailOf(output),
    left: 'Nothing was built.',
  });
}
