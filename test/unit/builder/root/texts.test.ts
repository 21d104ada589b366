import { expect, test } from 'vitest';

import { aptConfiguration, aptSources, installedPackages, simulated } from '../../../../src/builder/root/apt-text.ts';
import { dnfOptions, dnfRepositories, installedRpms } from '../../../../src/builder/root/dnf-text.ts';
import type { DebRepository, RpmRepository } from '../../../../src/builder/targets/target.ts';

const deb: DebRepository = {
  family: 'deb',
  uri: 'http://mirror.example/debian',
  suites: ['trixie', 'trixie-updates'],
  components: ['main'],
  keys: [],
  checkValidUntil: false,
  checkDate: true,
};

test('sources of apt trust each repository by its own keys', () => {
  expect(
    aptSources([deb, { ...deb, uri: 'http://other.example/x', checkValidUntil: true }], ({ uri }) => [
      `${uri.length}.asc`,
      'b.gpg',
    ]),
  ).toBe(
    `Types: deb
URIs: http://mirror.example/debian
Suites: trixie trixie-updates
Components: main
Signed-By: /mnt/keys/28.asc /mnt/keys/b.gpg
Check-Valid-Until: no

Types: deb
URIs: http://other.example/x
Suites: trixie trixie-updates
Components: main
Signed-By: /mnt/keys/22.asc /mnt/keys/b.gpg
`,
  );
});

test('apt reads no sources of the root, and takes the certificates of the host where there are any', () => {
  expect(aptConfiguration(false)).toContain('Dir::Etc::SourceList "/dev/null";');
  expect(aptConfiguration(false)).not.toContain('CAInfo');
  expect(aptConfiguration(true)).toContain('Acquire::https::CAInfo "/mnt/certificates.crt";');
});

test('what apt would install is read from its simulation', () => {
  const output = `NOTE: This is only a simulation!
Inst gcc-14-base (14.2.0-19 Debian:13.0/stable [amd64])
Inst libc6 [2.41-1] (2.41-12 Debian:13.0/stable, Debian-Security:13/stable-security [amd64]) [libc-bin:amd64 ]
Inst tzdata (2025b-4 Debian:13.0/stable [all])
Conf tzdata (2025b-4 Debian:13.0/stable [all])
`;

  expect(simulated(output)).toEqual([
    { name: 'gcc-14-base', version: '14.2.0-19', architecture: 'amd64' },
    { name: 'libc6', version: '2.41-12', architecture: 'amd64' },
    { name: 'tzdata', version: '2025b-4', architecture: 'all' },
  ]);
});

test('only packages that are set up are installed', () => {
  expect(installedPackages('ii \tapt\t3.0\tamd64\nrc \told\t1\tall\niU \thalf\t1\tall\n')).toEqual([
    { name: 'apt', version: '3.0', architecture: 'amd64' },
  ]);
});

const rpm: RpmRepository = {
  family: 'rpm',
  baseurl: ['https://a.example/x', 'https://b.example/x'],
  gpgcheck: true,
  repoGpgcheck: false,
  keys: [],
};

test('repositories of dnf check what the target says, and the first one goes before the others', () => {
  const { baseurl, ...rest } = rpm;
  const repositories = [
    rpm,
    { ...rest, baseurl: [], metalink: 'https://c.example/m', gpgcheck: false, repoGpgcheck: true },
  ];
  expect(baseurl).toHaveLength(2);
  expect(dnfRepositories(repositories, ({ gpgcheck }) => (gpgcheck ? ['0-0', '0-1'] : []))).toBe(`[target-0]
name=target-0
baseurl=https://a.example/x https://b.example/x
gpgcheck=1
repo_gpgcheck=0
gpgkey=file:///dnf/etc/keys/0-0 file:///dnf/etc/keys/0-1
priority=1

[target-1]
name=target-1
metalink=https://c.example/m
gpgcheck=0
repo_gpgcheck=1
priority=2
`);
});

test('keys are no packages, and an epoch of nothing is not said', () => {
  expect(installedRpms('bash\t0:5.2-1\tx86_64\nperl\t4:5.38-1\tx86_64\ngpg-pubkey\t0:1-2\t(none)\n')).toEqual([
    { name: 'bash', version: '5.2-1', architecture: 'x86_64' },
    { name: 'perl', version: '4:5.38-1', architecture: 'x86_64' },
  ]);
});

test('dnf5 is told to look beside the root for its repositories, in its own words', () => {
  const [dnf4, dnf5] = ['dnf', 'dnf5'].map((program) => dnfOptions(program, '3.0', 'x86_64'));

  expect(dnf4).toContain('--setopt=cachedir=/dnf/cache');
  expect(dnf4).not.toContain('--use-host-config');
  expect(dnf5).toEqual(expect.arrayContaining(['--use-host-config', '--setopt=system_cachedir=/dnf/cache']));
  expect(dnf5).toEqual(expect.arrayContaining(['--installroot=/dnf/root', '--releasever=3.0', '--forcearch=x86_64']));
});
