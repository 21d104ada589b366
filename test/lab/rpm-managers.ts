import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { basename } from 'node:path';

import { labCache } from './cache.ts';
import { bootMachine, type Machine, type MachineOptions } from './machine.ts';
import { ensureRootfs } from './rootfs.ts';

/** The version of the lab whose distribution has all of them. */
const systemd = 262;

const packages = ['dnf', 'dnf5', 'libzypp-bin', 'rpm', 'zypper'];
const unneeded = ['doc', 'info', 'locale', 'man'];

/**
 * A directory with dnf 4, dnf5 and zypper, as their packages lie below `/`. They are fetched and unpacked once for each
 * root file system and never installed: that takes minutes.
 */
export async function ensureRpmManagers(): Promise<string> {
  const directory = labCache(`rpm-managers-${basename(await ensureRootfs(systemd))}`);
  if (fs.existsSync(directory)) return directory;
  const partial = `${directory}.${randomBytes(4).toString('hex')}`;
  fs.mkdirSync(partial, { recursive: true });
  try {
    await using machine = await bootMachine({ systemd, binds: [{ source: partial, target: '/srv/tree' }] });
    await machine.shell(unpacking, { timeoutMs: 600_000 });
    if (!fs.existsSync(directory)) fs.renameSync(partial, directory);
  } finally {
    fs.rmSync(partial, { recursive: true, force: true });
  }
  return directory;
}

const unpacking = `
  apt-get update --quiet --quiet -o Acquire::Languages=none -o APT::Update::Error-Mode=any
  apt-get install --yes --quiet --quiet --download-only --no-install-recommends ${packages.join(' ')} >/dev/null
  for package in /var/cache/apt/archives/*.deb; do
    dpkg-deb --fsys-tarfile "$package" |
      tar --extract --directory=/srv/tree ${unneeded.map((name) => `--exclude='./usr/share/${name}/*'`).join(' ')}
  done`;

/** A booted machine that has dnf 4, dnf5 and zypper. */
export async function bootRpmMachine(more: Pick<MachineOptions, 'binds' | 'files'> = {}): Promise<Machine> {
  const source = await ensureRpmManagers();
  const binds = [{ source, target: '/srv/tree', readOnly: true }, ...(more.binds ?? [])];
  const machine = await bootMachine({ ...more, systemd, binds });
  await machine.shell('cp --archive /srv/tree/. /; ldconfig');
  return machine;
}
