import { join } from 'node:path';

import type { ExtensionClass } from '../core/extension-class.ts';
import { readDropIns } from '../host/drop-ins.ts';
import { readTextIfAny } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';

/** Where sysext.conf and confext.conf lie, highest precedence first (sysext.conf(5)). */
const directories = ['/etc/systemd', '/run/systemd', '/usr/local/lib/systemd', '/usr/lib/systemd'];

/** A file of sysext.conf(5) or confext.conf(5) below `root` whose text has this; undefined where none has. */
export function configurationWith(root: string, of: ExtensionClass, pattern: RegExp): string | undefined {
  return configurationFiles(root, of).find((path) => pattern.test(readTextIfAny(path) ?? ''));
}

function configurationFiles(root: string, { configuration }: ExtensionClass): string[] {
  const below = directories.map((directory) => belowRoot(root, directory));
  const dropIns = readDropIns(
    below.map((directory) => join(directory, `${configuration}.d`)),
    '.conf',
  );
  return [...below.map((directory) => join(directory, configuration)), ...dropIns.map(({ path }) => path)];
}
