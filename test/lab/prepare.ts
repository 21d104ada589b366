/** Builds all root file systems of the lab that are not there yet: `node test/lab/prepare.ts [VERSION...]`. */
import { ensureRootfs, systemdVersions } from './rootfs.ts';

const wanted = process.argv.slice(2);
for (const systemd of systemdVersions) {
  if (wanted.length > 0 && !wanted.includes(String(systemd))) continue;
  const started = performance.now();
  const directory = await ensureRootfs(systemd);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`systemd ${systemd}: ${directory} (${seconds} s)\n`);
}
