import { AgentError } from '../../core/errors.ts';
import type { Problem } from '../../core/problems.ts';
import { lengthOf, type ArchiveEntry } from '../../core/tree.ts';
import { fieldPath, itemPath, nearestName, quote } from '../../core/yaml/text.ts';
import type { Artifacts, OwnPlacing } from '../spec/artifacts.ts';
import type { SourceFile } from '../source/source-file.ts';
import { matchesGlob } from 'node:path/posix';
import { accountFiles } from './accounts.ts';
import { packagedMode } from './mode.ts';
import type { Layout } from './layout.ts';
import { placements, type Placement, type Places } from './placements.ts';

/** The files at a path and below it, relative to where the sources are; nothing where there are none. */
export type FilesAt = (path: string) => readonly SourceFile[];

/** Whether the files are as the sources have them, or as a build left them. */
export type FilesFrom = 'sources' | 'build';

/** What a spec's own package consists of where nothing has to be built for it. */
export interface OwnFiles {
  readonly entries: readonly ArchiveEntry[];
  /** Sentences on what the spec says and an extension cannot have. */
  readonly warnings: readonly string[];
}

export interface OwnFilesSettings extends Places {
  readonly filesAt: FilesAt;
  readonly from: FilesFrom;
  /** The time of all of them, in seconds since 1970: that of a checkout would differ from host to host. */
  readonly epoch: number;
}

/**
 * Takes the artifacts of a spec from where they are and puts them where packages of the target's family have them.
 * @throws AgentError `invalid-spec` with every artifact that is not there, or whose place is none.
 */
export function ownFiles(artifacts: Artifacts, settings: OwnFilesSettings): OwnFiles {
  const { layout, pkg, placing, filesAt, from, epoch: mtime } = settings;
  const placed = placements(artifacts, settings);
  refuseUpward(artifacts, placed);
  const taken = placed.map((placement) => ({
    placement,
    roots: rootsOf(placement, filesAt),
  }));
  const missing = taken.filter(({ roots }) => roots.length === 0);
  if (missing.length > 0)
    throw notThere(
      missing.map(({ placement }) => placement),
      filesAt,
      from,
    );
  const entries = [
    ...taken.flatMap(({ placement, roots }) => roots.flatMap((root) => entriesOf(placement, root, layout))),
    ...madeDirectories(artifacts, placing),
    ...artifacts.links.map(({ source, dest }) => link(source.value, dest.value)),
    ...(placing.accounts === 'sysusers' ? accountFiles(artifacts, placed, pkg) : []),
  ];
  return { entries: entries.map((entry) => ({ ...entry, mtime })), warnings: warningsFor(artifacts, placing) };
}

/**
 * Nothing may be placed by "..": a subpath that leads out of its directory is a mistake.
 * @throws AgentError `invalid-spec`
 */
function refuseUpward({ links, createDirectories }: Artifacts, placed: readonly Placement[]): void {
  const places = [
    ...placed.map(({ field, from, name, to }) => ({
      field: fieldPath(field, from.value),
      position: from.position,
      place: to(name ?? lastPart(from.value)),
    })),
    ...links.map(({ dest }, index) => ({
      field: `${itemPath('artifacts.links', index)}.dest`,
      position: dest.position,
      place: dest.value,
    })),
    ...Object.entries(createDirectories).flatMap(([kind, list]: [string, Artifacts['createDirectories']['config']]) =>
      list.map(({ path }) => ({
        field: fieldPath(`artifacts.createDirectories.${kind}`, path.value),
        position: path.position,
        place: path.value,
      })),
    ),
  ];
  const problems = places
    .filter(({ place }) => place.split('/').includes('..'))
    .map(({ field, position, place }) => ({ field, position, message: `${quote(place)} leads upwards by ".."` }));
  if (problems.length === 0) return;
  throw new AgentError('invalid-spec', 'the spec installs files at places that no image has', {
    problems,
    left: 'Nothing was built.',
  });
}

/** An entry whose time is not settled yet. */
type Untimed = Omit<ArchiveEntry, 'mtime'>;

/** Something that an artifact names, with all that lies below it. */
interface Root {
  readonly file: SourceFile;
  readonly below: readonly SourceFile[];
}

/** What the path of an artifact leads to; a glob in its last part can lead to many. */
function rootsOf({ from }: Placement, filesAt: FilesAt): readonly Root[] {
  const path = from.value.replace(/^(\.?\/)+|\/+$/g, '');
  const cut = path.lastIndexOf('/');
  const isGlob = /[*?[]/.test(path.slice(cut + 1));
  const files = filesAt(isGlob ? path.slice(0, Math.max(cut, 0)) : path);
  const depth = path.split('/').length;
  const roots = files.filter((file) =>
    isGlob ? file.path.split('/').length === depth && matchesGlob(file.path, path) : file.path === path,
  );
  return roots.map((file) => ({ file, below: files.filter((other) => other.path.startsWith(`${file.path}/`)) }));
}

function entriesOf(placement: Placement, { file, below }: Root, layout: Layout): readonly Untimed[] {
  const to = placement.to(placement.name ?? lastPart(file.path));
  return [
    entryOf(file, to, placement.permissions, layout),
    ...below.map((inner) => entryOf(inner, to + inner.path.slice(file.path.length), undefined, layout)),
  ];
}

function entryOf(file: SourceFile, path: string, permissions: number | undefined, layout: Layout): Untimed {
  if (file.kind === 'symlink') return link(file.target ?? '', path);
  if (file.kind === 'directory') return { name: path, kind: 'directory', mode: permissions ?? 0o755 };
  const mode = permissions ?? (file.fixedMode ? file.mode : packagedMode(path, file.mode, layout));
  return { name: path, kind: 'file', mode, ...(file.content === undefined ? {} : { content: file.content }) };
}

function link(target: string, path: string): Untimed {
  return { name: path.replace(/^\/+/, ''), kind: 'symlink', mode: 0o777, target };
}

/** Directories that the spec wants made; those below /var are left out of the image later, with a word on it. */
function madeDirectories(
  { createDirectories: { config, state } }: Artifacts,
  { accounts }: OwnPlacing,
): readonly Untimed[] {
  const made =
    (top: string) =>
    ({ path, mode }: (typeof config)[number]): Untimed => ({
      name: `${top}/${path.value.replace(/^\/+/, '')}`,
      kind: 'directory',
      mode: mode ?? 0o755,
    });
  return [...config.map(made('etc')), ...(accounts === undefined ? state.map(made('var/lib')) : [])];
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Who does not have it, and what is wrong. */
const lost: Readonly<Record<FilesFrom, readonly [nobody: string, what: string]>> = {
  sources: ['no source of the spec has', 'the spec installs files that its sources do not have'],
  build: ['the build left no', 'the spec installs files that its build did not make'],
};

function notThere(missing: readonly Placement[], filesAt: FilesAt, filesFrom: FilesFrom): AgentError {
  const [nobody, what] = lost[filesFrom];
  const problems = missing.map(({ field, from }): Problem => {
    const [source = ''] = from.value.split('/');
    const nearest = nearestName(
      from.value,
      filesAt(source).map(({ path }) => path),
    );
    const hint = nearest === undefined ? '' : `, did you mean ${quote(nearest)}?`;
    return {
      position: from.position,
      field: fieldPath(field, from.value),
      message: `${nobody} ${quote(from.value)}${hint}`,
    };
  });
  return new AgentError('invalid-spec', what, {
    problems,
    left: 'Nothing was built.',
  });
}

/** What has no effect in an extension: everything in it is root's, and nothing runs when it is merged. */
function warningsFor(artifacts: Artifacts, { accounts }: OwnPlacing): readonly string[] {
  const files = Object.values(artifacts.files).flat();
  const { configFiles, ...merged } = artifacts.files;
  const settled = accounts === undefined ? [...configFiles, ...artifacts.createDirectories.config] : [];
  const owned = [...Object.values(merged).flat(), ...artifacts.links, ...settled].some(
    ({ user, group }) => user !== '' || group !== '',
  );
  const users = [...artifacts.users, ...artifacts.groups].map(({ value }) => value);
  return [
    ...(owned ? ['everything in an extension is owned by root: users and groups of artifacts are left out'] : []),
    ...(files.some(({ capabilities }) => capabilities.length > 0)
      ? ['file capabilities of artifacts are left out: an extension that needs them gets them from its service units']
      : []),
    ...(users.length > 0 && accounts === undefined
      ? [
          `an extension makes no users or groups: ${users.join(', ')} must be on the host, for example by sysusers.d, or by x-sysext.accounts: sysusers`,
        ]
      : []),
  ];
}

/** What of the files counts for an image, as one text: equal texts make equal files. */
export function digestText(entries: readonly ArchiveEntry[]): string {
  return JSON.stringify(
    entries.map(({ name, kind, mode, mtime, target, content }) => [
      name,
      kind,
      mode,
      mtime,
      target ?? null,
      content === undefined
        ? null
        : content.kind === 'range'
          ? content.path
          : Buffer.from(content.bytes).toString('base64'),
      content === undefined ? 0 : lengthOf(content),
    ]),
  );
}
