import { dirname } from 'node:path';

import { isAgentError } from '../core/errors.ts';
import { fileIdentity, isSameIdentity, type FileIdentity } from '../host/file-identity.ts';
import { makeDirectory, readTextIfAny, writeAtomically } from '../host/files.ts';
import { mergeMarks, type MergeMark } from '../systemd/merged.ts';
import type { FoundImage } from '../systemd/search.ts';
import type { Agent } from './agent.ts';
import { ourEntries } from './entries.ts';

/**
 * Which images a merge was made of: up to 259 systemd-sysext leaves no more than their names. So each merge of this agent
 * leaves a record in /run, which goes with the boot as the merge does.
 */

export interface RecordedMergeImage {
  readonly name: string;
  /** Below the root. */
  readonly path: string;
  readonly identity: FileIdentity;
  /** Of an image of our store. */
  readonly sha256?: string;
}

export interface MergeRecord {
  /** The merges that it is about: none where the agent took everything out. */
  readonly marks: readonly MergeMark[];
  readonly images: readonly RecordedMergeImage[];
}

/** The images that systemd-sysext is about to merge, as they are now. */
export function imagesNow(agent: Agent, images: readonly FoundImage[]): RecordedMergeImage[] {
  const { extensions, store } = agent.paths;
  const digests = new Map(ourEntries(extensions, store).map(({ path, sha256 }) => [path, sha256]));
  return images.flatMap(({ name, path, realPath }) => {
    const identity = fileIdentity(realPath);
    const sha256 = digests.get(path);
    return identity === undefined ? [] : [{ name, path, identity, ...(sha256 === undefined ? {} : { sha256 }) }];
  });
}

/** Makes a change of what is merged, then records what that was made of. */
export async function recording<T extends { readonly exitCode: number }>(
  agent: Agent,
  images: readonly FoundImage[],
  commit: () => Promise<T>,
): Promise<T> {
  const marks = JSON.stringify(mergeMarks(agent.root));
  const before = imagesNow(agent, images);
  const result = await commit();
  const after = mergeMarks(agent.root);
  const changed = JSON.stringify(after) !== marks;
  if (changed || (result.exitCode === 0 && (await comparesItself(agent)))) {
    write(agent, { marks: after, images: unchanged(before, imagesNow(agent, images)) });
  }
  return result;
}

/** From 260 on a refresh that leaves the merge as it is has found that it is made of the images in place. */
async function comparesItself(agent: Agent): Promise<boolean> {
  return (await agent.tool.features()).version.major >= 260;
}

/** Of an image that was replaced meanwhile nobody knows which of the two was merged. */
function unchanged(
  before: readonly RecordedMergeImage[],
  after: readonly RecordedMergeImage[],
): readonly RecordedMergeImage[] {
  return before.filter(({ name, identity }) => {
    const now = after.find((image) => image.name === name);
    return now !== undefined && isSameIdentity(now.identity, identity);
  });
}

/** Without it the merge is as good, and less is known of it. */
function write(agent: Agent, record: MergeRecord): void {
  const path = agent.paths.mergeRecord;
  try {
    makeDirectory(dirname(path));
    writeAtomically(path, `${JSON.stringify(record)}\n`);
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}

/** What the last merge of this agent left in this boot; undefined where there was none, or nothing that can be read. */
export function readMergeRecord(agent: Agent): MergeRecord | undefined {
  try {
    const value: unknown = JSON.parse(readTextIfAny(agent.paths.mergeRecord) ?? 'null');
    return isMergeRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isMergeRecord(value: unknown): value is MergeRecord {
  const { marks, images } = (value ?? {}) as Partial<MergeRecord>;
  return Array.isArray(marks) && Array.isArray(images) && images.every((image) => hasIdentity(image));
}

function hasIdentity(image: unknown): boolean {
  const { name, identity } = (image ?? {}) as Partial<RecordedMergeImage>;
  return typeof name === 'string' && typeof identity?.inode === 'number';
}
