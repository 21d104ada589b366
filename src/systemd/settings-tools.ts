import type { Exec } from '../host/exec.ts';
import { runLimitedOk } from './limited.ts';

/** What makes users and files after the files of sysusers.d and tmpfiles.d, those alone that are named. */

const limit = 120;

/** Makes the users and groups of files in sysusers.d; those that are there stay as they are. */
export async function makeUsers(exec: Exec, files: readonly string[]): Promise<void> {
  await runLimitedOk(exec, limit, 'systemd-sysusers', ['--', ...files]);
}

/** What systemd-tmpfiles(8) ends with where it passed over lines that it does not know. */
const passedOver = 65;

/** Makes what files in tmpfiles.d say; what is there is not written over. */
export async function makeFiles(exec: Exec, files: readonly string[]): Promise<void> {
  await runLimitedOk(exec, limit, 'systemd-tmpfiles', ['--create', '--', ...files], [passedOver]);
}
