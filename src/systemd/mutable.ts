import { join } from 'node:path';

import { readDropIns } from '../host/drop-ins.ts';
import { fileStatus, readTextIfAny } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import { hierarchies, mergeMarks } from './merged.ts';

/** Where sysext.conf lies, highest precedence first (sysext.conf(5)). */
const configuration = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd'];

/**
 * What has systemd-sysext merge below `root` so that the hierarchies can be written to; undefined where nothing has. Two
 * such merges at one time would write to the same directory.
 */
export function mutableBy(root: string): string | undefined {
  const directories = hierarchies.map((hierarchy) => `/var/lib/extensions.mutable${hierarchy}`);
  const directory = directories.find((path) => fileStatus(belowRoot(root, path)) !== undefined);
  const merged = mergeMarks(root).find(({ mutable }) => mutable)?.hierarchy;
  return directory ?? merged ?? configurationFiles(root).find((path) => setsMutable(readTextIfAny(path) ?? ''));
}

function configurationFiles(root: string): string[] {
  const below = configuration.map((directory) => belowRoot(root, directory));
  const dropIns = readDropIns(
    below.map((directory) => join(directory, 'sysext.conf.d')),
    '.conf',
  );
  return [...below.map((directory) => join(directory, 'sysext.conf')), ...dropIns.map(({ path }) => path)];
}

function setsMutable(text: string): boolean {
  return /^\s*Mutable\s*=\s*(?!(?:no|n|false|f|off|0)?\s*$)/im.test(text);
}
