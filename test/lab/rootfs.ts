import { createHash } from 'node:crypto';
import fs from 'node:fs';

import { execa } from 'execa';

import { hostApt, type HostApt } from './apt.ts';
import { labCache } from './cache.ts';

/** The versions of systemd that the lab boots: systemd-sysext behaves differently at each of them. */
export const systemdVersions = [252, 254, 257, 262] as const;
export type SystemdVersion = (typeof systemdVersions)[number];

interface Recipe {
  readonly suite: string;
  /** Further suites of the mirror; the first one provides systemd where `newerSystemd` is set. */
  readonly more: readonly string[];
  readonly security: boolean;
  readonly newerSystemd?: string;
  readonly settings: readonly string[];
}

const recipes: Readonly<Record<SystemdVersion, Recipe>> = {
  252: { suite: 'bookworm', more: ['bookworm-updates'], security: true, settings: [] },
  254: {
    suite: 'bookworm',
    more: ['bookworm-updates', 'bookworm-backports'],
    security: true,
    newerSystemd: 'bookworm-backports',
    settings: [],
  },
  257: { suite: 'trixie', more: ['trixie-updates'], security: true, settings: [] },
  262: { suite: 'forky', more: ['forky-updates'], security: true, settings: ['Acquire::Check-Valid-Until "false";'] },
};

const packages = [
  ...[
    'systemd',
    'systemd-sysv',
    'dbus',
    'polkitd',
    'udev',
    'iproute2',
    'util-linux',
    'ca-certificates',
    'attr',
    'procps',
  ],
  ...['erofs-utils', 'squashfs-tools', 'xz-utils', 'bzip2'],
];

/** What no test looks at and what would only slow a boot down. */
const unneededFiles = ['/usr/share/man/*', '/usr/share/doc/*', '/usr/share/info/*', '/usr/share/locale/*'];
const unneededUnits = [
  ...['apt-daily.timer', 'apt-daily-upgrade.timer', 'dpkg-db-backup.timer', 'e2scrub_all.timer', 'fstrim.timer'],
  ...['getty@.service', 'console-getty.service', 'systemd-networkd-wait-online.service', 'systemd-pstore.service'],
];

const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Nothing in a container makes device nodes: with fewer than the kernel hands out, raw images fail to attach. */
const loopControl = `echo 'c /dev/loop-control 0660 root disk - 10:237' >"$1/etc/tmpfiles.d/loop.conf"`;
const loopNodes = `seq 0 255 | sed 's|.*|b /dev/loop& 0660 root disk - 7:&|' >>"$1/etc/tmpfiles.d/loop.conf"`;

const ensured = new Map<SystemdVersion, Promise<string>>();

/**
 * The root file system with this systemd, for reading only: built when there is none of the present recipe.
 * @returns its directory.
 */
export function ensureRootfs(systemd: SystemdVersion): Promise<string> {
  // The recipe hangs on what apt says of this host, and asking it takes half a dozen processes.
  const directory = ensured.get(systemd) ?? builtRootfs(systemd);
  ensured.set(systemd, directory);
  return directory;
}

async function builtRootfs(systemd: SystemdVersion): Promise<string> {
  const build = mmdebstrap(recipes[systemd], await hostApt());
  const key = createHash('sha256')
    .update(JSON.stringify(build('TARGET')))
    .digest('hex')
    .slice(0, 12);
  const directory = labCache('rootfs', `systemd-${systemd}-${key}`);
  if (!fs.existsSync(directory)) await buildUnderLock(directory, build(`${directory}.partial`));
  return directory;
}

/** The lock lives as long as any process of the build, so what a killed build left is removed by the next. */
async function buildUnderLock(directory: string, command: readonly string[]): Promise<void> {
  fs.mkdirSync(labCache('rootfs'), { recursive: true });
  const script = 'test ! -d "$0" || exit 0; rm -rf --one-file-system "$0.partial"; "$@"; mv -T "$0.partial" "$0"';
  await execa('flock', [`${directory}.lock`, 'sh', '-euc', script, directory, ...command], { stdin: 'ignore' });
}

/** The command that makes a root file system in a directory: all of the recipe, so that its digest is the recipe's. */
function mmdebstrap(recipe: Recipe, apt: HostApt): (target: string) => string[] {
  const settings = [...new Set([...apt.settings, ...recipe.settings])];
  return (target) => [
    ...['mmdebstrap', '--mode=root', '--variant=minbase', `--include=${packages.join(',')}`],
    ...settings.map((line) => `--aptopt=${line}`),
    ...unneededFiles.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
    ...customizations(recipe).map((hook) => `--customize-hook=${hook}`),
    ...[recipe.suite, target],
    ...sources(recipe, apt),
  ];
}

function sources({ suite, more, security }: Recipe, apt: HostApt): string[] {
  const line = (uri: string, name: string) => `deb [signed-by=${keyring}] ${uri} ${name} main`;
  return [
    ...[suite, ...more].map((name) => line(apt.mirror, name)),
    ...(security ? [line(apt.security, `${suite}-security`)] : []),
  ];
}

function customizations({ newerSystemd }: Recipe): string[] {
  const install = 'DEBIAN_FRONTEND=noninteractive chroot "$1" apt-get install --yes --no-install-recommends';
  return [
    ...(newerSystemd === undefined ? [] : [`${install} -t ${newerSystemd} systemd systemd-sysv udev`]),
    loopControl,
    loopNodes,
    `chroot "$1" systemctl mask ${unneededUnits.join(' ')}`,
  ];
}
