import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A message bus of the test's own: a real dbus-daemon, as strict on messages as the system bus and open to everyone. */
export interface PrivateBus extends AsyncDisposable {
  readonly address: string;
  /** Ends the daemon with all connections. */
  stop(): Promise<void>;
  /** Starts it where it is not running, at the same address. */
  start(): Promise<void>;
}

const config = (socket: string) => `
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=${socket}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow own="*"/>
    <deny own="org.example.Forbidden"/>
  </policy>
</busconfig>`;

export async function privateBus(): Promise<PrivateBus> {
  const directory = mkdtempSync(join(tmpdir(), 'bus-'));
  const socket = join(directory, 'socket');
  const configFile = join(directory, 'bus.conf');
  writeFileSync(configFile, config(socket));
  let daemon: ChildProcess | undefined;

  const start = async () => {
    rmSync(socket, { force: true });
    const child = spawn('dbus-daemon', [`--config-file=${configFile}`, '--nofork', '--print-address'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    daemon = child;
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(() => Promise.reject(new Error('dbus-daemon did not start'))),
    ]);
  };
  const stop = async () => {
    if (daemon === undefined) return;
    const ended = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await ended;
    daemon = undefined;
  };

  await start();
  return {
    address: `unix:path=${socket}`,
    start,
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop();
      rmSync(directory, { recursive: true });
    },
  };
}
