import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import Database from 'better-sqlite3';

import { sha256OfTree } from '../../src/host/tree-digest.ts';

/** Where to look. */
export interface Host {
  /** The directory that stands for `/`, as this process sees it: with the disk, not with what is merged. */
  readonly root: string;
  /** Runs a script whose directory is `/` of the host, and returns what it printed. */
  readonly shell: (script: string) => Promise<string>;
}

/** What a look at the whole host shows. */
export interface Look {
  /** The extensions that are merged, each with the content that it brings: `a 3, b 1`. */
  readonly seen: string;
  /** What is wrong whatever has happened; empty where all is well. */
  readonly wrong: readonly string[];
  readonly operations: readonly OperationRow[];
}

export interface OperationRow {
  readonly id: number;
  readonly verb: string;
  readonly result: string;
  readonly reason: string | null;
}

interface GenerationRow {
  readonly number: number;
  readonly parent: number | null;
  readonly state: string;
}

interface ExtensionRow {
  readonly generation: number;
  readonly name: string;
  readonly kind: string;
  readonly sha256: string;
}

/** What must hold besides, as it depends on what was done. */
export interface Expectations {
  /** Whether images of earlier sets may be gone. */
  readonly forgets: boolean;
  /** Whether every extension of the set in force must have its entry. */
  readonly complete: boolean;
  /** Whether masks must be those that are needed. */
  readonly masked: boolean;
}

/** Each line says what it is about in its first word. */
const script = `
for file in usr/share/*/version opt/*/version; do
  test ! -e "$file" || echo "\${file%/*/version} $(basename "\${file%/version}") $(cat "$file")"
done
for hierarchy in usr opt; do
  while read -r name; do echo "merged $hierarchy $name"; done <$hierarchy/.systemd-sysext/extensions || true
done 2>/dev/null
find etc run var opt usr -name '.#*' -printf 'temporary %p\\n'
flock --nonblock run/sysext-agent/lock true || echo 'lock held'
for hierarchy in usr opt; do echo "mounts $(findmnt --noheadings "$PWD/$hierarchy" | wc -l) $hierarchy"; done
`;

/** Looks at everything that must hold after a crash or a failure, once the next operation has ended. */
export async function look({ root, shell }: Host, { forgets, complete, masked }: Expectations): Promise<Look> {
  const lines = (await shell(script)).trimEnd().split('\n');
  using database = opened(join(root, 'var/lib/sysext-agent/history.db'));
  const { seen, wrong } = contents(lines);
  return {
    seen,
    wrong: [
      ...wrong,
      ...lines.filter((line) => /^(temporary|lock) /.test(line)),
      ...recordProblems(database.rows),
      ...imageProblems(root, database.rows, forgets),
      ...entryProblems(root, database.rows, complete),
      ...(masked ? maskProblems(root) : []),
    ],
    operations: database.rows.operations,
  };
}

/** What is merged: names and contents of both hierarchies must agree. */
function contents(lines: readonly string[]): { seen: string; wrong: string[] } {
  const rest = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1));
  const of = (hierarchy: string) => rest(hierarchy).sort().join(', ');
  const names = (hierarchy: string) => rest(`merged ${hierarchy}`).sort().join(', ');
  const seen = of('usr/share');
  const expected = seen.replaceAll(/ \d+/g, '');
  const wrong = [
    ...(of('opt') === seen ? [] : [`/usr has ${seen}, /opt has ${of('opt')}`]),
    ...['usr', 'opt'].flatMap((one) =>
      names(one) === expected ? [] : [`/${one} calls itself ${names(one)}: ${seen}`],
    ),
    ...rest('mounts')
      .filter((line) => !line.startsWith(seen === '' ? '0 ' : '1 '))
      .map((line) => `mounts: ${line}`),
  ];
  return { seen, wrong };
}

interface Rows {
  readonly integrity: unknown;
  readonly operations: readonly OperationRow[];
  readonly generations: readonly GenerationRow[];
  readonly extensions: readonly ExtensionRow[];
}

function opened(path: string): Disposable & { readonly rows: Rows } {
  const database = new Database(path, { readonly: true });
  return {
    rows: {
      integrity: database.pragma('integrity_check', { simple: true }),
      operations: database
        .prepare<[], OperationRow>('SELECT id, verb, result, reason FROM operation ORDER BY id')
        .all(),
      generations: database.prepare<[], GenerationRow>('SELECT * FROM generation ORDER BY number').all(),
      extensions: database.prepare<[], ExtensionRow>('SELECT * FROM generation_extension ORDER BY name').all(),
    },
    [Symbol.dispose]: () => {
      database.close();
    },
  };
}

function recordProblems({ integrity, operations, generations }: Rows): string[] {
  return [
    ...(integrity === 'ok' ? [] : [`the history is damaged: ${String(integrity)}`]),
    ...operations.filter(({ result }) => result === 'running').map(({ id }) => `operation ${id} is running`),
    ...operations.filter(({ id }, index) => id !== index + 1).map(({ id }) => `a gap before operation ${id}`),
    ...generations.filter(({ state }) => state === 'pending').map(({ number }) => `generation ${number} is pending`),
    ...(generations.filter(({ state }) => state === 'active').length === 1 ? [] : ['not one generation is active']),
  ];
}

/** Every image of the set in force, the one before and, where nothing forgets them, all others that were in force. */
function imageProblems(root: string, { generations, extensions }: Rows, forgets: boolean): string[] {
  const active = generations.find(({ state }) => state === 'active');
  const needed = generations.filter(({ number, state }) =>
    forgets ? number === active?.number || number === active?.parent : state === 'active' || state === 'superseded',
  );
  const store = join(root, 'var/lib/sysext-agent/images');
  const missing = extensions
    .filter(({ generation }) => needed.some(({ number }) => number === generation))
    .filter(({ kind, sha256 }) => !existsSync(join(store, kind === 'raw' ? `${sha256}.raw` : sha256)))
    .map(({ generation, name }) => `the image of ${name} in generation ${generation} is gone`);
  const damaged = readdirSync(store).filter((name) => digestOf(join(store, name)) !== name.replace('.raw', ''));
  return [...missing, ...damaged.map((name) => `damaged in the store: ${name}`)];
}

function digestOf(path: string): string {
  if (lstatSync(path).isDirectory()) return sha256OfTree(path).sha256;
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** The search directory has an entry for each extension of the set in force, and nothing else of ours. */
function entryProblems(root: string, { generations, extensions }: Rows, complete: boolean): string[] {
  const active = generations.find(({ state }) => state === 'active')?.number;
  const expected = extensions
    .filter(({ generation }) => generation === active)
    .map(({ name, kind, sha256 }) => ({ entry: kind === 'raw' ? `${name}.raw` : name, sha256 }));
  const directory = join(root, 'var/lib/extensions');
  const entries = readdirSync(directory).filter((name) => name !== 'bad.raw');
  return [
    ...entries
      .filter((name) => digestOf(join(directory, name)) !== expected.find(({ entry }) => entry === name)?.sha256)
      .map((name) => `the entry ${name} is not what the set in force says`),
    ...(complete ? expected.filter(({ entry }) => !entries.includes(entry)) : []).map(
      ({ entry }) => `the entry ${entry} is missing`,
    ),
  ];
}

/** A mask where there is what must be masked, and none where there is not. */
function maskProblems(root: string): string[] {
  const directory = join(root, 'run/extensions');
  const masks = existsSync(directory) ? readdirSync(directory) : [];
  const wanted = existsSync(join(root, 'var/lib/extensions/bad.raw')) ? ['bad'] : [];
  return masks.join() === wanted.join() ? [] : [`masks: ${masks.join(', ') || 'none'}`];
}
