import type { Exec } from '../host/exec.ts';
import { fileStatus, unlinkDurably } from '../host/files.ts';
import { sha256OfFile } from '../host/digest.ts';
import { runLimitedOk } from './limited.ts';

/** What is computed from files all over `/usr`, and found out of date after a merge. */

const limit = 120;

/** Where the loader finds libraries (ld.so(8)). */
export async function updateLoaderCache(exec: Exec): Promise<void> {
  await runLimitedOk(exec, limit, 'ldconfig', []);
}

/** Its own place, and the place of the distribution, which the first one hides. */
const [ownHwdb, shippedHwdb] = ['/etc/udev/hwdb.bin', '/usr/lib/udev/hwdb.bin'];

/** What udev knows about hardware. Where it comes out as the distribution has it, that one is left to be found. */
export async function updateHwdb(exec: Exec): Promise<void> {
  await runLimitedOk(exec, limit, 'systemd-hwdb', ['update']);
  if ([ownHwdb, shippedHwdb].some((path) => fileStatus(path) === undefined)) return;
  if (sha256OfFile(ownHwdb) === sha256OfFile(shippedHwdb)) unlinkDurably(ownHwdb);
}

/** Which modules a kernel has. */
export async function updateModules(exec: Exec, kernel: string): Promise<void> {
  await runLimitedOk(exec, limit, 'depmod', ['-a', kernel]);
}
