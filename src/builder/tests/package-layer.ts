import { matchesGlob, posix } from 'node:path/posix';

import { AgentError } from '../../core/errors.ts';
import { makeDirectory } from '../../host/files.ts';
import { tailOf } from '../../host/exec.ts';
import { openLayers, type LayeredTree } from '../../host/layered-tree.ts';
import { writeTree } from '../../host/tree-writer.ts';
import { placements, type Places } from '../artifacts/placements.ts';
import type { Artifacts } from '../spec/artifacts.ts';
import type { ArchiveEntry } from '../tree/entry.ts';
import { judge, type SoundEntry } from '../tree/judge.ts';
import { treeOf } from '../tree/merge.ts';
import { shown } from '../tree/paths.ts';
import type { TestBench, TestedTree } from './run.ts';

/** The spec's own package, as its target would have it installed. */
export interface TestedPackage {
  readonly entries: readonly ArchiveEntry[];
  readonly places: Places;
  /** What it consists of, for owners, users and groups; undefined where it was made elsewhere. */
  readonly artifacts: Artifacts | undefined;
}

/**
 * A root with the files of the spec's own package over it, at the places where a package manager would put them, and with
 * the users, groups and owners that the package would make when it is installed.
 * @throws AgentError `tool-failed` where users or groups cannot be made, and those of Sandbox.run().
 */
export async function withPackage(bench: TestBench, root: string, own: TestedPackage): Promise<TestedTree> {
  const layer = `${bench.directory}/package`;
  const seen = await openLayers({ lower: [root] }, bench.exec, bench.signal);
  const nodes = own.entries.length === 0 ? [] : installed(judge(own.entries).entries, seen);
  makeDirectory(layer);
  writeTree(layer, withModes(nodes, seen));
  await bench.sandbox.adoptLayer(layer);
  const script = setUpScript(own);
  if (script !== '') await setUp(bench, { lower: [root], upper: layer }, script);
  return { lower: [root, layer] };
}

/** Entries where they are in the tree: behind the links that it has in place of directories (`/bin`). */
export function installed(entries: readonly SoundEntry[], seen: LayeredTree): readonly SoundEntry[] {
  const placed = entries.map((entry): SoundEntry => {
    const followed = entry.kind === 'directory' && seen.status(entry.path, true)?.kind === 'directory';
    const [parent, name] = followed ? [entry.path, ''] : [posix.dirname(entry.path), posix.basename(entry.path)];
    return { ...entry, path: [...within(seen, parent), name].filter((part) => part !== '').join('/') };
  });
  return [...new Map(placed.map((entry) => [entry.path, entry])).values()].filter(({ path }) => path !== '');
}

function within(seen: LayeredTree, path: string): readonly string[] {
  return (seen.real(path) ?? path).split('/');
}

/** Directories that the tree has already keep the modes that they have there. */
function withModes(entries: readonly SoundEntry[], seen: LayeredTree): ReturnType<typeof treeOf> {
  const tree = treeOf(entries, 0);
  const nodes = tree.nodes.map((node) => {
    if (node.kind !== 'directory') return node;
    const there = seen.status(node.path, false);
    return there?.kind === 'directory' ? { ...node, mode: there.mode } : node;
  });
  return { ...tree, nodes };
}

/** What the package does when it is installed, as a script for the shell of the target; empty: nothing. */
export function setUpScript({ artifacts, places, entries }: TestedPackage): string {
  if (artifacts === undefined) return '';
  const users = artifacts.users.map(({ value }) => value);
  const groups = artifacts.groups.map(({ value }) => value);
  return [
    ...users.map((user) => `getent passwd ${word(user)} >/dev/null || useradd ${word(user)}`),
    ...groups.map((group) => `getent group ${word(group)} >/dev/null || groupadd --system ${word(group)}`),
    ...owned(artifacts, places, entries).map(
      ({ path, user, group }) => `chown -h ${word(`${user}${group === '' ? '' : `:${group}`}`)} ${word(`/${path}`)}`,
    ),
  ].join('\n');
}

interface Owned {
  readonly path: string;
  readonly user: string;
  readonly group: string;
}

function owned(artifacts: Artifacts, places: Places, entries: readonly ArchiveEntry[]): readonly Owned[] {
  const { links, createDirectories } = artifacts;
  const directories = (top: string, list: typeof createDirectories.config) =>
    list.map(({ path, user, group }) => ({ path: `${top}/${path.value}`, user, group }));
  return [
    ...placements(artifacts, places).flatMap(({ from, to, name: renamed, user, group }) =>
      pathsOf(to, renamed ?? posix.basename(from.value), renamed === undefined, entries).map((path) => ({
        path,
        user,
        group,
      })),
    ),
    ...directories('etc', createDirectories.config),
    ...directories('var/lib', createDirectories.state),
    ...links.map(({ dest, user, group }) => ({ path: dest.value, user, group })),
  ]
    .filter(({ user, group }) => user !== '' || group !== '')
    .map((one) => ({ ...one, path: one.path.replace(/^\/+/, '') }));
}

/** The paths of what an artifact became: where its last part is a glob, all that fits it in the directory it goes to. */
function pathsOf(
  to: (name: string) => string,
  last: string,
  mayBeGlob: boolean,
  entries: readonly ArchiveEntry[],
): readonly string[] {
  if (!mayBeGlob || !/[*?[]/.test(last)) return [to(last)];
  const directory = posix.dirname(to('x'));
  return entries.map(({ name }) => name).filter((path) => matchesGlob(path, posix.join(directory, last)));
}

/** A word of the shell that is taken as it is. */
function word(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

async function setUp(bench: TestBench, tree: TestedTree & { readonly upper: string }, script: string): Promise<void> {
  const printed: Buffer[] = [];
  const { sandbox, limits, signal } = bench;
  const { exitCode } = await sandbox.run({
    tree,
    argv: ['/bin/sh', '-euc', script],
    directory: '/',
    environment: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    binds: [],
    network: false,
    limits,
    take: (piece) => printed.push(Buffer.from(piece)),
    ...(signal === undefined ? {} : { signal }),
  });
  if (exitCode === 0) return;
  throw new AgentError('tool-failed', 'the users, groups and owners of the package cannot be made for its tests', {
    facts: tailOf(Buffer.concat(printed).toString('utf8')).map((line) => shown(line)),
    left: 'Nothing was built.',
  });
}
