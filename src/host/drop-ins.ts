import { join } from 'node:path';

import { fileStatus, listNames, readText } from './files.ts';

/** A configuration file in one of several directories. */
export interface DropIn {
  /** The file name, the same in every directory. */
  readonly name: string;
  readonly path: string;
  readonly text: string;
}

/**
 * The drop-in files of some directories by systemd's rules (systemd.unit(5), tmpfiles.d(5)): of files with the same
 * name the one in the earliest directory counts, and one that is empty or leads to /dev/null masks the others.
 * Hidden files, and those that editors and package managers leave behind, do not end in `suffix` or begin with a dot.
 * @param directories the one that counts most first.
 * @returns sorted by the bytes of the name, whatever directory they are from.
 */
export function readDropIns(directories: readonly string[], suffix: string): readonly DropIn[] {
  const chosen = new Map<string, string>();
  for (const directory of directories) {
    for (const name of listNames(directory)) {
      if (name.startsWith('.') || !name.endsWith(suffix) || chosen.has(name)) continue;
      const path = join(directory, name);
      const status = fileStatus(path);
      if (status !== undefined && !status.isDirectory()) chosen.set(name, path);
    }
  }
  return Array.from(chosen, ([name, path]) => ({ name, path }))
    .filter(({ path }) => !isMask(path))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, path }) => ({ name, path, text: readText(path) }));
}

/** /dev/null is a device, and whatever else is no file cannot be read either. */
function isMask(path: string): boolean {
  const status = fileStatus(path);
  return status?.isFile() !== true || status.size === 0;
}
