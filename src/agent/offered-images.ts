import { isAgentError } from '../core/errors.ts';
import { sysext } from '../core/extension-class.ts';
import { isExtensionName } from '../core/names.ts';
import { fileIdentity } from '../host/file-identity.ts';
import { listNames } from '../host/files.ts';
import { keyOf, type MountedType, type OfferedImage } from '../systemd/drivers/images.ts';
import { mergeMarks } from '../systemd/merged.ts';
import { fileSystemOf } from '../systemd/open-image.ts';
import { configurationWith } from '../systemd/sysext-conf.ts';
import type { JudgedImage } from '../systemd/verdicts.ts';
import type { Agent } from './agent.ts';
import { ourEntries } from './entries.ts';
import { readMergeRecord } from './merge-record.ts';
import type { Observed } from './plan.ts';
import { readSettings } from './settings.ts';
import { storePath } from './stored-image.ts';

/** Why no image is mounted once, in words; undefined where those are that can be. */
export async function mountObstacle({ root }: Agent): Promise<string | undefined> {
  if ((await readSettings(root)).mountOnce === false) return 'merge.mount_once says so';
  const policy = configurationWith(root, sysext, /^\s*ImagePolicy\s*=\s*\S/im);
  // It is systemd-sysext that judges images by it, and it does not judge directories.
  return policy && `${policy} has an ImagePolicy=`;
}

/** The images of the store that a merge may find mounted. */
export async function offeredImages(agent: Agent, images: readonly JudgedImage[]): Promise<OfferedImage[]> {
  const { extensions, store } = agent.paths;
  if (agent.root !== '/' || (await mountObstacle(agent)) !== undefined) return [];
  const chosen = mountable({ images, ours: ourEntries(extensions, store), entries: listNames(extensions) });
  return chosen.flatMap(({ name, sha256 }) => {
    const path = storePath(store, 'raw', sha256);
    const identity = fileIdentity(path);
    const type = typeOf(path);
    return identity === undefined || type === undefined ? [] : [{ name, type, path, key: keyOf(sha256, identity) }];
  });
}

export interface MountFacts extends Pick<Observed, 'images' | 'ours'> {
  /** The names in the search directory. */
  readonly entries: readonly string[];
}

/**
 * The images that are the same to a merge whether it finds them mounted or not: raw ones of ours that merge, which nothing
 * else leads to. What has a verity partition beside it is for systemd to open.
 */
export function mountable({ images, ours, entries }: MountFacts): { readonly name: string; readonly sha256: string }[] {
  return images.flatMap(({ image: { name, kind, path, realPath }, verdict }) => {
    const entry = ours.find((own) => own.path === path && own.name === name);
    const isLinked = images.some(({ image }) => image.path !== path && image.realPath === realPath);
    const isAlone = !entries.some((other) => other === name || isSidecar(name, other));
    const fits = kind === 'raw' && verdict.outcome === 'merges' && isExtensionName(name);
    return entry !== undefined && fits && isAlone && !isLinked ? [{ name, sha256: entry.sha256 }] : [];
  });
}

/** Whether a file holds what systemd checks an image by (systemd-dissect(1)). */
function isSidecar(name: string, file: string): boolean {
  return file.startsWith(`${name}.`) && /^(verity|roothash|usrhash)(\.|$)/.test(file.slice(name.length + 1));
}

/** ext4 and btrfs may have a journal or log to be read first; in disk images systemd finds the partitions. */
function typeOf(path: string): MountedType | undefined {
  try {
    const type = fileSystemOf(path);
    return type === 'erofs' || type === 'squashfs' ? type : undefined;
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return undefined;
  }
}

/** The keys of the images that what is merged was made of, as far as this agent merged it. */
export function keysInUse(agent: Agent): string[] {
  const record = readMergeRecord(agent);
  if (record === undefined || JSON.stringify(record.marks) !== JSON.stringify(mergeMarks(agent.root))) return [];
  return record.images.flatMap(({ sha256, identity }) => (sha256 === undefined ? [] : [keyOf(sha256, identity)]));
}
