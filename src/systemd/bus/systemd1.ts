import type { BusCall } from '../bus.ts';

/** The names of systemd's own interface on the bus. */
export const systemdName = 'org.freedesktop.systemd1';
export const managerPath = '/org/freedesktop/systemd1';
export const managerInterface = 'org.freedesktop.systemd1.Manager';

/** A call of a method of systemd's manager. */
export function toManager(member: string, signature = '', ...body: readonly unknown[]): BusCall {
  return { destination: systemdName, path: managerPath, interface: managerInterface, member, signature, body };
}

/** A call that reads the properties of one of systemd's objects, of all its interfaces. */
export function readProperties(path: string): BusCall {
  const target = { destination: systemdName, path, interface: 'org.freedesktop.DBus.Properties' };
  return { ...target, member: 'GetAll', signature: 's', body: [''] };
}

/** The path of a unit's object: systemd's own escapes for what no path may have (sd_bus_path_encode(3)). */
export function unitPath(unit: string): string {
  const escaped = Array.from(Buffer.from(unit), (byte, index) => {
    const character = String.fromCharCode(byte);
    const isPlain = index === 0 ? /[A-Za-z]/ : /[A-Za-z0-9]/;
    return isPlain.test(character) ? character : `_${byte.toString(16).padStart(2, '0')}`;
  });
  return `${managerPath}/unit/${escaped.length === 0 ? '_' : escaped.join('')}`;
}
