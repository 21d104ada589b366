import type { Exec } from '../host/exec.ts';
import { fileStatus } from '../host/files.ts';
import { runLimitedOk } from './limited.ts';

/** Daemons of the host that read files of `/usr`. Where one does not run, it reads them when it starts. */

const limit = 30;

/** Has udev read its rules again; they count for events from then on. */
export async function reloadUdev(exec: Exec): Promise<void> {
  if (fileStatus('/run/udev/control') === undefined) return;
  await runLimitedOk(exec, limit, 'udevadm', ['control', '--reload']);
}

/** Has the system's message bus read its policy and services again. */
export async function reloadBus(exec: Exec): Promise<void> {
  if (fileStatus('/run/dbus/system_bus_socket') === undefined) return;
  const bus = ['org.freedesktop.DBus', '/org/freedesktop/DBus', 'org.freedesktop.DBus', 'ReloadConfig'];
  await runLimitedOk(exec, limit, 'busctl', ['call', '--quiet', ...bus]);
}
