import type { DebRepository } from '../targets/target.ts';
import type { InstalledPackage } from './root-maker.ts';

/** Where apt in a root finds what is only for it: a directory that every system has, and that nothing stays in. */
export const aptFiles = '/mnt';

/** Sources of apt for the repositories of a target, each to be signed by its own keys alone (sources.list(5)). */
export function aptSources(
  repositories: readonly DebRepository[],
  keyNames: (repository: DebRepository) => readonly string[],
): string {
  return repositories
    .map((repository) => {
      const { uri, suites, components, checkValidUntil, checkDate } = repository;
      return [
        'Types: deb',
        `URIs: ${uri}`,
        `Suites: ${suites.join(' ')}`,
        `Components: ${components.join(' ')}`,
        `Signed-By: ${keyNames(repository)
          .map((name) => `${aptFiles}/keys/${name}`)
          .join(' ')}`,
        ...(checkValidUntil ? [] : ['Check-Valid-Until: no']),
        ...(checkDate ? [] : ['Check-Date: no']),
        '',
      ].join('\n');
    })
    .join('\n');
}

/**
 * The configuration of apt while a root is made: what it knows and fetches is kept beside the root, nothing is asked, and
 * nothing waits for the disk.
 * @param certificates whether the certificates of this host are there.
 */
export function aptConfiguration(certificates: boolean): string {
  return [
    'Dir::Etc::SourceList "/dev/null";',
    `Dir::Etc::SourceParts "${aptFiles}/sources";`,
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    ...(certificates ? [`Acquire::https::CAInfo "${aptFiles}/certificates.crt";`] : []),
    'APT::Get::Assume-Yes "true";',
    'APT::Install-Recommends "false";',
    'APT::Keep-Downloaded-Packages "true";',
    'APT::Sandbox::User "root";',
    'DPkg::Use-Pty "false";',
    'DPkg::Options { "--force-confold"; "--force-unsafe-io"; };',
    '',
  ].join('\n');
}

/** What apt says that it would install (`apt-get --simulate install`). */
export function simulated(output: string): readonly InstalledPackage[] {
  const lines = output.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+) [^)]*\[(\S+)\]\)/gm);
  return Array.from(lines, ([, name = '', version = '', architecture = '']) => ({
    name: name.replace(/:.*/, ''),
    version,
    architecture,
  }));
}

/** The fields that installedPackages() reads, as dpkg-query(1) prints them. */
export const queryFormat = '${db:Status-Abbrev}\\t${Package}\\t${Version}\\t${Architecture}\\n';

export function installedPackages(output: string): readonly InstalledPackage[] {
  return output.split('\n').flatMap((line) => {
    const [status = '', name, version, architecture] = line.split('\t');
    if (!status.startsWith('ii') || name === undefined || version === undefined || architecture === undefined)
      return [];
    return [{ name, version, architecture }];
  });
}
