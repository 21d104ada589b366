import type { ExtensionClass } from '../core/extension-class.ts';
import { fileStatus } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import { mergeMarks } from './merged.ts';
import { configurationWith } from './sysext-conf.ts';

/**
 * What has extensions of a class be merged below `root` so that the hierarchies can be written to; undefined where nothing has. Two
 * such merges at one time would write to the same directory.
 */
export function mutableBy(root: string, extensionClass: ExtensionClass): string | undefined {
  const directories = extensionClass.hierarchies.map((hierarchy) => `/var/lib/extensions.mutable${hierarchy}`);
  const directory = directories.find((path) => fileStatus(belowRoot(root, path)) !== undefined);
  const merged = mergeMarks(root, extensionClass).find(({ mutable }) => mutable)?.hierarchy;
  return directory ?? merged ?? configurationWith(root, extensionClass, setsMutable);
}

const setsMutable = /^\s*Mutable\s*=\s*(?!(?:no|n|false|f|off|0)?\s*$)/im;
