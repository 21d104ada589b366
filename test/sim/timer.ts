import { readFileSync } from 'node:fs';

const file = new URL('../../systemd-units/sysext-agent-upgrade.timer', import.meta.url);

/**
 * Over how many milliseconds after midnight the timer of the package spreads the hosts.
 * @throws Error where it is not what the simulation knows.
 */
export function spreadOfTimer(text = readFileSync(file, 'utf8')): number {
  const hours = /^RandomizedDelaySec=(\d+)h$/m.exec(text)?.[1];
  const known = ['OnCalendar=daily', 'FixedRandomDelay=yes'].every((line) => text.split('\n').includes(line));
  if (hours !== undefined && known) return Number(hours) * 3_600_000;
  throw new Error('sysext-agent-upgrade.timer is another one than the simulation knows');
}
