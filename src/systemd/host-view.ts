import type { HostEntry } from '../core/contents/contents.ts';
import { isAgentError } from '../core/errors.ts';
import type { ImageEntry } from '../core/image-entry.ts';
import { entryBelow } from '../host/directory-tree.ts';
import { fileStatus, listNames } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';

/** Paths that extensions bring, and of which of them are directories. */
export type MergedPaths = ReadonlyMap<string, 'directory' | 'other'>;

/** The paths that some images bring together. */
export function mergedPaths(images: readonly (readonly ImageEntry[])[]): MergedPaths {
  const paths = new Map<string, 'directory' | 'other'>();
  for (const { path, kind } of images.flat()) {
    if (paths.get(path) !== 'other') paths.set(path, kind === 'directory' ? 'directory' : 'other');
  }
  return paths;
}

/**
 * What the host below `root` itself has in its hierarchies. Where extensions are merged only the result can be seen: of
 * that, what they bring is taken away. A file of the host that one of them hides already is therefore not seen.
 * @param merged what the extensions bring that are merged now.
 */
export function hostView(root: string, merged: MergedPaths): (path: string) => HostEntry | undefined {
  const known = new Map<string, HostEntry | undefined>();
  const entryAt = (path: string): HostEntry | undefined => {
    if (known.has(path)) return known.get(path);
    const end = path.lastIndexOf('/');
    const entry =
      end === -1
        ? hierarchyAt(root, path)
        : entryAt(path.slice(0, end))?.kind === 'directory'
          ? hostOnly(root, path, merged)
          : undefined;
    known.set(path, entry);
    return entry;
  };
  return entryAt;
}

/** The hierarchies themselves may be links on a host, as /opt often is: systemd-sysext follows them. */
function hierarchyAt(root: string, name: string): HostEntry | undefined {
  const status = fileStatus(belowRoot(root, `/${name}`));
  if (status === undefined) return undefined;
  return { kind: status.isDirectory() ? 'directory' : 'file' };
}

function hostOnly(root: string, path: string, merged: MergedPaths): HostEntry | undefined {
  const kind = merged.get(path);
  if (kind === 'other') return undefined;
  const entry = seenAt(root, path);
  if (kind === undefined || entry?.kind !== 'directory') return entry;
  return hasOwnNames(root, path, merged) ? entry : undefined;
}

/** What this user cannot look at, or what no host can have, is nothing to judge by. */
function seenAt(root: string, path: string): HostEntry | undefined {
  const [top = '', ...rest] = path.split('/');
  try {
    const entry = entryBelow(belowRoot(root, `/${top}`), rest.join('/'));
    return entry === undefined ? undefined : hostEntryOf(entry);
  } catch (error) {
    if (isAgentError(error)) return undefined;
    throw error;
  }
}

function hostEntryOf({ kind, target }: ImageEntry): HostEntry {
  return target === undefined ? { kind } : { kind, target };
}

/** Whether a directory holds what no extension brings, right in it or in directories below, so that the host has it, too. */
function hasOwnNames(root: string, path: string, merged: MergedPaths): boolean {
  const [top = '', ...rest] = path.split('/');
  try {
    const names = listNames([belowRoot(root, `/${top}`), ...rest].join('/'));
    return names.some((name) => {
      const kind = merged.get(`${path}/${name}`);
      return kind === undefined || (kind === 'directory' && hasOwnNames(root, `${path}/${name}`, merged));
    });
  } catch (error) {
    if (isAgentError(error)) return true;
    throw error;
  }
}
