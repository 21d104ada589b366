import { resolve } from 'node:path';

import { bootMachine, type Machine, type MachineOptions } from '../../lab/machine.ts';
import { waitFor } from '../../lab/wait.ts';

const top = resolve(import.meta.dirname, '../../..');

/** Where the package has what makes the service one that others can call. */
const parts = [
  ['systemd-units/sysext-agent.service', '/etc/systemd/system/sysext-agent.service'],
  ['packaging/dbus/io.github.SysextAgent1.conf', '/usr/share/dbus-1/system.d/io.github.SysextAgent1.conf'],
  ['packaging/dbus/io.github.SysextAgent1.service', '/usr/share/dbus-1/system-services/io.github.SysextAgent1.service'],
  ['packaging/polkit/io.github.SysextAgent1.policy', '/usr/share/polkit-1/actions/io.github.SysextAgent1.policy'],
] as const;

/** systemd-sysext that can be held up: as long as /run/hold is there, whatever changes the merge waits. */
const heldTool = `#!/bin/bash
case " $* " in
  *' merge '* | *' refresh '* | *' unmerge '*) while test -e /run/hold; do sleep 0.02; done ;;
esac
exec -a systemd-sysext /usr/bin/systemd-sysext.real "$@"
`;

/** A machine with the service and what belongs to it, in which nothing is started yet. */
export async function serviceMachine(
  systemd: MachineOptions['systemd'],
  options: Omit<MachineOptions, 'systemd'> = {},
): Promise<Machine> {
  const machine = await bootMachine({ systemd, ...options });
  for (const [from, to] of parts) await machine.copyIn(`${top}/${from}`, to);
  await machine.shell(`
    ln -s /srv/sysext-agent/bin/sysext-agent /usr/bin/
    mkdir -p /etc/sysext-agent/extensions.d
    mv /usr/bin/systemd-sysext /usr/bin/systemd-sysext.real`);
  await machine.write('/usr/bin/systemd-sysext', heldTool, '0755');
  await machine.shell('systemctl daemon-reload; systemctl reload dbus');
  return machine;
}

/** What a shell command prints, whatever its exit code. */
export async function shown(machine: Machine, command: string): Promise<string> {
  return (await machine.run(['bash', '-c', command])).stdout.trim();
}

/**
 * Waits until a command prints that.
 * @throws Error with the journal of the service.
 */
export async function untilShown(machine: Machine, command: string, expected: string | RegExp): Promise<string> {
  const isExpected = (text: string) => (typeof expected === 'string' ? text === expected : expected.test(text));
  try {
    return await waitFor(command, async () => {
      const text = await shown(machine, command);
      return isExpected(text) ? text : undefined;
    });
  } catch (error) {
    const journal = 'systemctl status sysext-agent; journalctl --no-pager -n 100';
    throw new Error(await shown(machine, `${command}; ${journal}`), { cause: error });
  }
}
