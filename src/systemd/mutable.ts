import { fileStatus } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import { hierarchies, mergeMarks } from './merged.ts';
import { sysextConfWith } from './sysext-conf.ts';

/**
 * What has systemd-sysext merge below `root` so that the hierarchies can be written to; undefined where nothing has. Two
 * such merges at one time would write to the same directory.
 */
export function mutableBy(root: string): string | undefined {
  const directories = hierarchies.map((hierarchy) => `/var/lib/extensions.mutable${hierarchy}`);
  const directory = directories.find((path) => fileStatus(belowRoot(root, path)) !== undefined);
  const merged = mergeMarks(root).find(({ mutable }) => mutable)?.hierarchy;
  return directory ?? merged ?? sysextConfWith(root, setsMutable);
}

const setsMutable = /^\s*Mutable\s*=\s*(?!(?:no|n|false|f|off|0)?\s*$)/im;
