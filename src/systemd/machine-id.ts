import { createHmac } from 'node:crypto';

import { readTextIfAny } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';

/** The application of sd_id128_get_machine_app_specific(3) that we are. */
const application = Buffer.from('5b1c2f0e6a7d4c0c9d3e8f41b2a6907e', 'hex');

/**
 * The place of this host among all others, from 0 up to 1: the same at all times, and no other one's.
 * @returns 0 where the host has no machine id.
 */
export function shareOfHost(root: string): number {
  const id = applicationMachineId(root);
  return id === undefined ? 0 : parseInt(id.slice(0, 8), 16) / 2 ** 32;
}

/**
 * A lasting name of this host for others, by which its machine id cannot be found out: machine-id(5) asks for that.
 * It is what `systemd-id128 machine-id --app-specific=` prints for our application.
 * @returns undefined where the host has no machine id.
 */
export function applicationMachineId(root: string): string | undefined {
  const text = readTextIfAny(belowRoot(root, '/etc/machine-id'))?.trim() ?? '';
  if (!/^[0-9a-f]{32}$/.test(text)) return undefined;
  const id = createHmac('sha256', Buffer.from(text, 'hex')).update(application).digest().subarray(0, 16);
  // As a random UUID has them (RFC 9562 section 5.4).
  id[6] = ((id[6] ?? 0) & 0x0f) | 0x40;
  id[8] = ((id[8] ?? 0) & 0x3f) | 0x80;
  return id.toString('hex');
}
