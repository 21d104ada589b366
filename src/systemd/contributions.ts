import { contributionsOf, textsWanted, type Contributions } from '../core/effects/contributions.ts';
import type { EtcCopy } from '../core/effects/tmpfiles.ts';
import type { ImageEntry } from '../core/image-entry.ts';
import { parseReleaseFields } from '../core/os-release.ts';
import { sha256 } from '../host/digest.ts';
import type { Exec } from '../host/exec.ts';
import type { ImageTree } from './image-tree.ts';
import { factsOf } from './image.ts';
import { openTree } from './open-image.ts';

/** Drop-ins and lines of tmpfiles.d have some hundred bytes. */
const largestText = 256 * 1024;
const mostTexts = 2000;
/** Settings that are larger than that together are not compared: copies of them stay. */
const mostHashed = 64 * 1024 * 1024;

/** What is known of an image without reading it. */
export interface KnownOfImage {
  /** Text of the release file that counts for it; left out, all that are in it count. */
  readonly release?: string | undefined;
  /** Everything in it. */
  readonly entries?: readonly ImageEntry[] | undefined;
}

/**
 * Reads what an image brings that systemd-sysext leaves undone. Files are opened only where it brings such.
 * @throws AgentError as openTree().
 */
export async function readContributions(path: string, known: KnownOfImage, exec: Exec): Promise<Contributions> {
  const { release, entries } = known;
  if (release !== undefined && entries !== undefined && textsWanted(entries).length === 0) {
    return contributionsOf(entries, new Map(), parseReleaseFields(release));
  }
  return readInside(path, known, exec);
}

function readInside(path: string, { release, entries: listed }: KnownOfImage, exec: Exec): Promise<Contributions> {
  return openTree(path, { exec }, async (tree) => {
    const entries = listed ?? tree.list();
    const texts = await readTexts(tree, textsWanted(entries));
    const fields = parseReleaseFields(release ?? (await releaseTexts(path, tree)));
    const found = contributionsOf(entries, texts, fields);
    return { ...found, copies: await withDigests(tree, found.copies) };
  });
}

async function releaseTexts(path: string, tree: ImageTree): Promise<string> {
  const { releaseFiles } = await factsOf(path, tree);
  return releaseFiles.map(({ text }) => text).join('\n');
}

function readTexts(tree: ImageTree, paths: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const fit = paths.filter((path) => sizeIn(tree, path) <= largestText).slice(0, mostTexts);
  return fit.length === 0
    ? Promise.resolve(new Map<string, string>())
    : tree.readFiles(fit, (file) => file.read(0, file.size).toString());
}

async function withDigests(tree: ImageTree, copies: readonly EtcCopy[]): Promise<readonly EtcCopy[]> {
  const sources = copies.flatMap(({ from }) => from ?? []);
  const total = sources.reduce((sum, path) => sum + sizeIn(tree, path), 0);
  if (sources.length === 0 || total > mostHashed) return copies;
  const digests = await tree.readFiles(sources, (file) => sha256(file.read(0, file.size)));
  return copies.map((copy) => {
    const digest = copy.from === undefined ? undefined : digests.get(copy.from);
    return digest === undefined ? copy : { ...copy, sha256: digest };
  });
}

function sizeIn(tree: ImageTree, path: string): number {
  return tree.entryAt(path)?.size ?? 0;
}
