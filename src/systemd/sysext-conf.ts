import { join } from 'node:path';

import { readDropIns } from '../host/drop-ins.ts';
import { readTextIfAny } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';

/** Where sysext.conf lies, highest precedence first (sysext.conf(5)). */
const configuration = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd'];

/** A file of sysext.conf(5) below `root` whose text has this; undefined where none has. */
export function sysextConfWith(root: string, pattern: RegExp): string | undefined {
  return configurationFiles(root).find((path) => pattern.test(readTextIfAny(path) ?? ''));
}

function configurationFiles(root: string): string[] {
  const below = configuration.map((directory) => belowRoot(root, directory));
  const dropIns = readDropIns(
    below.map((directory) => join(directory, 'sysext.conf.d')),
    '.conf',
  );
  return [...below.map((directory) => join(directory, 'sysext.conf')), ...dropIns.map(({ path }) => path)];
}
