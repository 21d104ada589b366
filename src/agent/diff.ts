import type { ImageEntry } from '../core/image-entry.ts';
import { linkStatus } from '../host/files.ts';
import { listWithoutAttributes } from '../systemd/image.ts';
import type { Agent } from './agent.ts';
import { changesBetween } from './change.ts';
import { openHistory } from './history.ts';
import type { Generation, InstalledExtension } from './records.ts';
import { setAt } from './rollback.ts';
import { recordedImage } from './stored-image.ts';

/** How one extension differs between two sets; `from` or `to` is absent where a set does not have it. */
export interface ExtensionDifference {
  readonly name: string;
  readonly change: 'added' | 'removed' | 'changed';
  readonly from?: InstalledExtension;
  readonly to?: InstalledExtension;
  /** How the files of the images differ; absent where nobody asked, or an image was not kept. */
  readonly files?: FileDifferences;
}

/** Paths, sorted. */
export interface FileDifferences {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** Those whose kind, mode, owner, size or link target differ; what has the same size may differ all the same. */
  readonly changed: readonly string[];
}

/**
 * How the set of extensions after operation `b` differs from that after `a`.
 * @param options.files whether to look into the images for their files.
 * @throws AgentError `usage` where the history has no such operation.
 */
export async function diffGenerations(
  agent: Agent,
  a: number,
  b: number,
  { files }: { readonly files: boolean },
): Promise<readonly ExtensionDifference[]> {
  using history = openHistory(agent.paths.history, { writable: false });
  const differences = differencesOf(setAt(history, a), setAt(history, b));
  if (!files) return differences;
  const listed: ExtensionDifference[] = [];
  for (const difference of differences) listed.push(await withFiles(agent, difference));
  return listed;
}

function differencesOf(before: Generation, after: Generation): ExtensionDifference[] {
  return changesBetween(before.extensions, after.extensions).map(({ name, change }) => {
    const from = before.extensions.find((extension) => extension.name === name);
    const to = after.extensions.find((extension) => extension.name === name);
    return {
      name,
      change: change === 'added' || change === 'removed' ? change : 'changed',
      ...(from === undefined ? {} : { from }),
      ...(to === undefined ? {} : { to }),
    };
  });
}

async function withFiles(agent: Agent, difference: ExtensionDifference): Promise<ExtensionDifference> {
  const [before, after] = await Promise.all([filesOf(agent, difference.from), filesOf(agent, difference.to)]);
  if (before === undefined || after === undefined) return difference;
  return { ...difference, files: fileDifferences(before, after) };
}

/** The files of an image; none where there is no image, undefined where it was not kept. */
async function filesOf(
  agent: Agent,
  extension: InstalledExtension | undefined,
): Promise<readonly ImageEntry[] | undefined> {
  if (extension === undefined) return [];
  const { path } = recordedImage(agent.paths.store, extension);
  return linkStatus(path) === undefined ? undefined : listWithoutAttributes(path, agent.exec);
}

export function fileDifferences(before: readonly ImageEntry[], after: readonly ImageEntry[]): FileDifferences {
  const had = new Map(before.map((entry) => [entry.path, entry]));
  const has = new Map(after.map((entry) => [entry.path, entry]));
  return {
    added: after.filter(({ path }) => !had.has(path)).map(({ path }) => path),
    removed: before.filter(({ path }) => !has.has(path)).map(({ path }) => path),
    changed: after
      .filter((entry) => {
        const previous = had.get(entry.path);
        return previous !== undefined && signature(previous) !== signature(entry);
      })
      .map(({ path }) => path),
  };
}

function signature({ kind, mode, uid, gid, size, target }: ImageEntry): string {
  return [kind, mode, uid, gid, kind === 'directory' ? 0 : size, target ?? ''].join(' ');
}
