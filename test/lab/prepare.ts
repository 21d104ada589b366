/**
 * Builds all root file systems of the lab that are not there yet, side by side, and what the tests of rpm's package
 * managers need, as soon as the one is there that this takes: `node test/lab/prepare.ts [VERSION...]`.
 */
import { ensureRpmManagers } from './rpm-managers.ts';
import { ensureRootfs, systemdVersions, type SystemdVersion } from './rootfs.ts';

async function prepare(systemd: SystemdVersion): Promise<void> {
  const started = performance.now();
  const directory = await ensureRootfs(systemd);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`systemd ${systemd}: ${directory} (${seconds} s)\n`);
}

const wanted = process.argv.slice(2);
const rootfs = systemdVersions.filter((version) => wanted.length === 0 || wanted.includes(String(version)));
await Promise.all([...rootfs.map(prepare), ...(wanted.length === 0 ? [ensureRpmManagers()] : [])]);
