import { basename } from 'node:path';

import type { RpmRepository } from '../targets/target.ts';
import type { InstalledPackage } from './root-maker.ts';

/** Where dnf in the sandbox finds what is for it, where it keeps what it fetches, and where the root is. */
export const dnfPlaces = { files: '/dnf/etc', cache: '/dnf/cache', root: '/dnf/root' } as const;

/**
 * The repositories of a target as dnf describes them (dnf.conf(5)), each with its own keys alone.
 * @param keyNames the names of key files below `keys`.
 */
export function dnfRepositories(
  repositories: readonly RpmRepository[],
  keyNames: (repository: RpmRepository) => readonly string[],
): string {
  return repositories
    .map((repository, index) => {
      const { baseurl, metalink, mirrorlist, gpgcheck, repoGpgcheck } = repository;
      return [
        `[target-${index}]`,
        `name=target-${index}`,
        ...(baseurl.length === 0 ? [] : [`baseurl=${baseurl.join(' ')}`]),
        ...(metalink === undefined ? [] : [`metalink=${metalink}`]),
        ...(mirrorlist === undefined ? [] : [`mirrorlist=${mirrorlist}`]),
        `gpgcheck=${gpgcheck ? 1 : 0}`,
        `repo_gpgcheck=${repoGpgcheck ? 1 : 0}`,
        ...keysLine(keyNames(repository)),
        `priority=${index + 1}`,
        '',
      ].join('\n');
    })
    .join('\n');
}

function keysLine(names: readonly string[]): string[] {
  return names.length === 0
    ? []
    : [`gpgkey=${names.map((name) => `file://${dnfPlaces.files}/keys/${name}`).join(' ')}`];
}

/** The configuration of dnf while a root is made: nothing of the host counts, and what it fetches is kept. */
export function dnfConfiguration(): string {
  return [
    '[main]',
    `reposdir=${dnfPlaces.files}/repos`,
    `varsdir=${dnfPlaces.files}/vars`,
    `pluginconfpath=${dnfPlaces.files}/plugins`,
    'plugins=0',
    'keepcache=1',
    'gpgcheck=1',
    'localpkg_gpgcheck=0',
    'install_weak_deps=0',
    'best=1',
    'assumeyes=1',
    'zchunk=0',
    '',
  ].join('\n');
}

/**
 * How dnf is told where all of it is, and what it makes a root of.
 * @param program `dnf5` has words of its own.
 */
export function dnfOptions(
  program: string,
  releasever: string | undefined,
  architecture: string | undefined,
): readonly string[] {
  return [
    `--config=${dnfPlaces.files}/dnf.conf`,
    `--installroot=${dnfPlaces.root}`,
    // Without, it takes repositories from the root that it makes alone, whatever its configuration says.
    ...(program === 'dnf5' ? ['--use-host-config'] : []),
    // What a file says of these is taken as being within the root.
    `--setopt=${program === 'dnf5' ? 'system_cachedir' : 'cachedir'}=${dnfPlaces.cache}`,
    '--setopt=logdir=/tmp',
    `--releasever=${releasever ?? '/'}`,
    ...(architecture === undefined ? [] : [`--forcearch=${architecture}`]),
  ];
}

/**
 * What is mounted in the root is of no package, whichever says so; and rpm need not make namespaces for scripts, which it
 * cannot in a sandbox: they would fail.
 */
export const rpmMacros = '%_netsharedpath /dev:/proc:/sys\n%__transaction_unshare %{nil}\n';

/** How rpm is asked for what installedRpms() reads. Keys are packages to it that are of no version that matters. */
export const rpmFormat = '%{NAME}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\t%{ARCH}\\n';

export function installedRpms(output: string): readonly InstalledPackage[] {
  return output.split('\n').flatMap((line) => {
    const [name, version, architecture] = line.split('\t');
    if (name === undefined || version === undefined || architecture === undefined || name === 'gpg-pubkey') return [];
    return [{ name, version: version.replace(/^0:/, ''), architecture }];
  });
}

/** The name of a local package file in the sandbox. */
export function localRpm(index: number, path: string): string {
  return `${index}-${basename(path).replaceAll(/[^\w.+-]/g, '_')}`;
}
