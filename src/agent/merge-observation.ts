import { isAgentError } from '../core/errors.ts';
import type { SystemdVersion } from '../core/systemd-version.ts';
import { fileIdentity } from '../host/file-identity.ts';
import { belowRoot } from '../host/root.ts';
import { mergedNames, mergeMarks } from '../systemd/merged.ts';
import { readOrigin } from '../systemd/origin.ts';
import type { HierarchyStatus } from '../systemd/sysext-output.ts';
import type { JudgedImage } from '../systemd/verdicts.ts';
import type { Agent } from './agent.ts';
import { readMergeRecord } from './merge-record.ts';
import { mergedImages, type ObservedMerge } from './merged-images.ts';
import type { Observed } from './plan.ts';
import { digestOf } from './store.ts';

/** Finds out which images are merged. Nothing is changed, and no process started. */
export function observeMerge(
  agent: Agent,
  { major }: SystemdVersion,
  images: readonly JudgedImage[],
  hierarchies: readonly HierarchyStatus[],
): ObservedMerge {
  const merged = hierarchies.filter(({ since }) => since !== undefined);
  const origins = major < 260 ? [] : merged.flatMap(({ hierarchy }) => readOrigin(agent.root, hierarchy) ?? []);
  return mergedImages({
    merged: mergedNames(hierarchies),
    marks: mergeMarks(agent.root),
    // Each hierarchy has the origin of all that is merged.
    origin: [...new Map(origins.map((image) => [image.name, image])).values()],
    record: readMergeRecord(agent),
    inPlace: new Map(
      images.flatMap(({ image: { name, kind, realPath } }) => {
        const identity = fileIdentity(realPath);
        return identity === undefined ? [] : [[name, { ...identity, kind }] as const];
      }),
    ),
  });
}

/**
 * Entries of ours whose content is no longer what they were stored as, by path. Only of a file that was written after the
 * merge the digest is made: to read every image would take too long.
 */
export function alteredEntries(
  agent: Agent,
  { ours, hierarchies }: Pick<Observed, 'ours' | 'hierarchies'>,
): ReadonlyMap<string, string> {
  const since = Math.max(0, ...hierarchies.map((status) => status.since?.getTime() ?? 0));
  const altered = new Map<string, string>();
  for (const { path, kind, sha256 } of since === 0 ? [] : ours) {
    const realPath = belowRoot(agent.root, path);
    const mtime = fileIdentity(realPath)?.mtime ?? 0;
    if (kind !== 'raw' || mtime <= (since + 1) * 1000 || isImage(realPath, sha256)) continue;
    altered.set(path, `its content was changed on ${new Date(mtime / 1000).toISOString()}, after it was merged`);
  }
  return altered;
}

/** What cannot be read is taken for what it should be. */
function isImage(path: string, sha256: string): boolean {
  try {
    return digestOf(path).sha256 === sha256;
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return true;
  }
}
