import { AgentError } from '../../core/errors.ts';
import { isImageName } from '../../core/names.ts';
import type { ArchiveEntry, FileNode, Tree } from '../../core/tree.ts';
import { generate, isIdentity } from './generate.ts';
import { judge, latestTime, type SoundEntry } from './judge.ts';
import { directoriesAbove, merge, treeOf, type Layer, type SameContent } from './merge.ts';
import { compareBytes, listed, shown } from './paths.ts';
import { correctedTarget, relocate, type Placed } from './relocate.ts';
import type { ImageSettings } from './settings.ts';

/** What one package brings. */
export interface PackageContents {
  readonly name: string;
  readonly entries: readonly ArchiveEntry[];
  /** Whether these are the files of the spec itself: where a package has another file at a path, theirs stays. */
  readonly own?: boolean;
}

export interface Assembly {
  readonly tree: Tree;
  /** Sentences for the user: what was left out, and whose files replaced whose. */
  readonly warnings: readonly string[];
}

/**
 * Turns what packages hold into the tree of an image, with the rules of Dalec's sysext target: /usr and /opt as they
 * are, /bin, /sbin, /lib and /lib64 below /usr, /etc below /usr/share/NAME/etc with a tmpfiles.d file that copies it
 * back, the extension-release file, and services kept running. The order of the packages does not matter.
 * @param sameContent compares files that two packages bring, or one brings twice
 * @param more files of the extension itself, made for the time that all it adds has
 * @throws AgentError `content-refused` with every entry that no image may have, or where nothing is left for an image
 */
export function assemble(
  packages: readonly PackageContents[],
  settings: ImageSettings,
  sameContent: SameContent,
  more: (timestamp: number) => readonly FileNode[] = () => [],
): Assembly {
  checkSettings(settings);
  const sorted = packages.toSorted(inOrder).map((pkg) => prepare(pkg, settings.name));
  const has = pathTest(sorted.flatMap(({ placed }) => placed));
  const layers = sorted.map(({ owner, placed }) => ({ owner, nodes: placed.map((entry) => settled(entry, has)) }));
  const brought = merge(layers.map(withoutIdentity), sameContent);
  refuse([...sorted.flatMap(({ refusals }) => refusals), ...brought.refusals]);
  if (brought.nodes.length === 0) throw new AgentError('content-refused', 'the packages hold nothing for /usr or /opt');

  const timestamp = settings.sourceDateEpoch ?? newest(packages);
  const own = [...generate(brought.nodes, settings, timestamp), ...more(timestamp)];
  const generated = { owner: 'the extension itself', nodes: own };
  const all = merge([{ owner: 'the packages', nodes: brought.nodes }, generated], sameContent);
  refuse(all.refusals);
  return {
    tree: treeOf(
      all.nodes.map((node) => noNewer(node, timestamp)),
      timestamp,
    ),
    warnings: [...leftOut(sorted), ...foreignIdentity(layers), ...brought.warnings, ...all.warnings],
  };
}

function inOrder(a: PackageContents, b: PackageContents): number {
  return Number(a.own === true) - Number(b.own === true) || compareBytes(a.name, b.name);
}

/** Names become parts of paths, and the others lines of a file. */
function checkSettings(settings: ImageSettings): void {
  const { name, imageName, osId, osVersionId = '', sysextLevel = '' } = settings;
  for (const part of [name, imageName]) {
    if (isImageName(part) && Buffer.byteLength(`extension-release.${part}`) <= 255) continue;
    throw new AgentError('usage', `${shown(part)} cannot be the name of an image`);
  }
  for (const value of [osId, osVersionId, sysextLevel]) {
    if (/^[A-Za-z0-9._~^+:-]*$/.test(value)) continue;
    throw new AgentError('usage', `${shown(value)} cannot be the ID, VERSION_ID or SYSEXT_LEVEL of an image`);
  }
}

interface Prepared {
  readonly owner: string;
  readonly placed: readonly Placed[];
  readonly dropped: readonly string[];
  readonly refusals: readonly string[];
}

function prepare(pkg: PackageContents, name: string): Prepared {
  const judgement = judge(pkg.entries);
  const { placed, dropped, refusals } = relocate(judgement.entries, name);
  return {
    owner: pkg.name,
    placed,
    dropped,
    refusals: [...judgement.refusals, ...refusals].map((refusal) => `${pkg.name}: ${refusal}`),
  };
}

function refuse(refusals: readonly string[]): void {
  if (refusals.length === 0) return;
  throw new AgentError('content-refused', 'the packages hold what no image may have', {
    facts: refusals,
    left: 'Nothing was unpacked.',
    next: 'Report this to who made the package, or take the package out of the spec.',
  });
}

/** Whether a path will be in the tree, as an entry or as a directory on the way to one. */
function pathTest(placed: readonly Placed[]): (path: string) => boolean {
  const paths = new Set(placed.map(({ node }) => node.path));
  const directories = directoriesAbove(paths);
  return (path) => paths.has(path) || directories.has(path);
}

/** The node of an entry, its link corrected for the place it got. */
function settled({ node, from }: Placed, has: (path: string) => boolean): SoundEntry {
  return node.kind === 'symlink' ? { ...node, target: correctedTarget(node, from, has) } : node;
}

function withoutIdentity(layer: Layer): Layer {
  return { ...layer, nodes: layer.nodes.filter(({ path }) => !isIdentity(path)) };
}

/** The newest time of anything in the packages: the same whenever and wherever the image is built. */
function newest(packages: readonly PackageContents[]): number {
  const times = packages.flatMap(({ entries }) => entries.map(({ mtime }) => mtime));
  return times.reduce((most, time) => Math.max(most, Math.min(time, latestTime)), 0);
}

function noNewer(node: SoundEntry, timestamp: number): SoundEntry {
  return node.mtime <= timestamp ? node : { ...node, mtime: timestamp };
}

function leftOut(prepared: readonly Prepared[]): readonly string[] {
  const paths = leaves(prepared.flatMap(({ dropped }) => dropped));
  if (paths.length === 0) return [];
  return [`left out, as an extension brings only /usr, /opt and /etc without /etc/systemd: ${listed(paths)}`];
}

function foreignIdentity(layers: readonly Layer[]): readonly string[] {
  const nodes = layers
    .flatMap((layer) => layer.nodes)
    .filter(({ path, kind }) => isIdentity(path) && kind !== 'directory');
  const paths = sortedPaths(nodes.map(({ path }) => path));
  if (paths.length === 0) return [];
  return [`left out, as systemd refuses an extension that says it is another system or extension: ${listed(paths)}`];
}

/** Of some paths those that lead to no other of them. */
function leaves(paths: readonly string[]): readonly string[] {
  const directories = directoriesAbove(paths);
  return sortedPaths(paths.filter((path) => !directories.has(path)));
}

function sortedPaths(paths: readonly string[]): readonly string[] {
  return [...new Set(paths)].sort(compareBytes);
}
