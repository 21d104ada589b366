import { AgentError, isAgentError } from '../core/errors.ts';
import { sortedByPath, type EntryKind, type ImageEntry } from '../core/image-entry.ts';
import type { Exec } from './exec.ts';
import { damaged, truncated, type ImageBytes } from './image-bytes.ts';

/** Reads squashfs images without mounting them, by unsquashfs(1) of squashfs-tools. */

const magic = 0x73717368;

export function isSquashfs(image: ImageBytes): boolean {
  return image.size >= 4 && image.read(0, 4).readUInt32LE(0) === magic;
}

/**
 * Checks the superblock of an image that isSquashfs() (Linux: fs/squashfs/squashfs_fs.h).
 * @throws AgentError `invalid-image`
 */
export function checkSquashfs(image: ImageBytes): void {
  const block = image.read(0, 96);
  const version = block.readUInt16LE(28);
  if (version !== 4) throw damaged(image.name, `it says it is squashfs ${version}, and Linux reads 4 only`);
  const promised = Number(block.readBigUInt64LE(40));
  if (promised > image.size) throw truncated(image.name, promised, image.size);
}

/** Whether any file has extended attributes; listings do not tell them. */
export function hasAttributes(image: ImageBytes): boolean {
  return image.read(56, 8).readBigUInt64LE(0) !== 0xffff_ffff_ffff_ffffn;
}

/** The path of the image, not beginning with a dash, and where in it the file system begins, in bytes. */
export interface SquashfsPlace {
  readonly path: string;
  readonly offset: number;
}

/**
 * Everything in the image but its root, sorted by path; times are whole minutes.
 * @throws AgentError `invalid-image`, or `tool-missing`.
 */
export async function listSquashfs(place: SquashfsPlace, exec: Exec, signal?: AbortSignal): Promise<ImageEntry[]> {
  // Every path is printed below a name that the image cannot know: nothing in it can be taken for a line of its own.
  // Loaded only here: it takes longer to load than most commands to run.
  const { randomBytes } = await import('node:crypto');
  const root = randomBytes(12).toString('hex');
  const output = await unsquashfs(place, listArguments(place, root), exec, signal);
  const entries = parseListing(output, root);
  if (entries === undefined) throw damaged(place.path, 'unsquashfs lists it in a way that makes no sense');
  return entries;
}

/**
 * Extracts the files at `paths`, which must be no links, below `to`, with the extended attributes that users may set.
 * @throws AgentError `invalid-image`, or `tool-missing`.
 */
export async function extractSquashfs(
  place: SquashfsPlace,
  paths: readonly string[],
  to: string,
  exec: Exec,
  signal?: AbortSignal,
): Promise<void> {
  for (const some of batches(paths)) await unsquashfs(place, extractArguments(place, some, to), exec, signal);
}

/**
 * Extracts everything below `to` as root, with all extended attributes.
 * @throws AgentError as extractSquashfs().
 */
export async function extractAllOfSquashfs(
  place: SquashfsPlace,
  to: string,
  exec: Exec,
  signal?: AbortSignal,
): Promise<void> {
  const args = ['-quiet', '-no-progress', '-xattrs', '-force', ...beginningAt(place), '-dest', to, place.path];
  await unsquashfs(place, args, exec, signal);
}

/** How many bytes of names one command may have: the system allows some more for arguments and environment. */
const longestArguments = 512 * 1024;

function batches(paths: readonly string[]): readonly string[][] {
  const found: string[][] = [];
  const length = { sum: Infinity };
  for (const path of paths) {
    length.sum += Buffer.byteLength(path) + 1;
    if (length.sum > longestArguments) {
      found.push([]);
      length.sum = 0;
    }
    found.at(-1)?.push(path);
  }
  return found;
}

export function listArguments(place: SquashfsPlace, root: string): string[] {
  return ['-lln', ...beginningAt(place), '-dest', root, place.path];
}

export function extractArguments(place: SquashfsPlace, paths: readonly string[], to: string): string[] {
  const quietly = ['-quiet', '-no-progress', '-no-wildcards', '-user-xattrs', '-force'];
  return [...quietly, ...beginningAt(place), '-dest', to, place.path, ...paths];
}

function beginningAt({ offset }: SquashfsPlace): string[] {
  return offset === 0 ? [] : ['-offset', String(offset)];
}

/** Its exit code 2 stands for what could not be set on this host: owners, attributes. */
async function unsquashfs(place: SquashfsPlace, args: string[], exec: Exec, signal?: AbortSignal): Promise<string> {
  try {
    const result = await exec.run('unsquashfs', args, {
      env: { TZ: 'UTC' },
      ...(signal === undefined ? {} : { signal }),
    });
    if (result.exitCode === 0 || result.exitCode === 2) return result.stdout;
    throw damaged(place.path, 'unsquashfs cannot read it').with({ facts: tail(result.stderr) });
  } catch (error) {
    if (!isAgentError(error, 'tool-missing')) throw error;
    throw new AgentError('tool-missing', `cannot look into ${place.path}: this host has no unsquashfs`, {
      cause: error,
      next: 'Install the package squashfs-tools.',
    });
  }
}

function tail(text: string): string[] {
  return text.trimEnd().split('\n').slice(-8);
}

/**
 * Reads a listing of `unsquashfs -lln` (4.4 to 4.6), in which line breaks stand as they are in names and targets.
 * @param root the name below which it was asked to show every path.
 * @returns undefined for a text that is no such listing.
 */
export function parseListing(output: string, root: string): ImageEntry[] | undefined {
  const heads = [...output.matchAll(headOf(root))];
  const entries = heads.map((head, index) => {
    const rest = output.slice(head.index + head[0].length, (heads[index + 1]?.index ?? output.length) - 1);
    return parseEntry(head, rest);
  });
  return heads.length === 0 ? undefined : sortedByPath(entries.filter((entry) => entry.path !== ''));
}

function headOf(root: string): RegExp {
  return new RegExp(
    `^([-dlcbps])([-rwxsStT]{9}) (\\d+)/(\\d+) +(\\d+(?:, *\\d+)?) (\\d{4}-\\d\\d-\\d\\d) (\\d\\d:\\d\\d) ${root}(?:/|(?=\\n|$))`,
    'gm',
  );
}

const kinds: Readonly<Record<string, EntryKind>> = {
  '-': 'file',
  b: 'block-device',
  c: 'character-device',
  d: 'directory',
  l: 'symlink',
  p: 'fifo',
  s: 'socket',
};

function parseEntry(head: RegExpExecArray, rest: string): ImageEntry {
  const [, type = '', permissions = '', uid, gid, size = '', date = '', time = ''] = head;
  const kind = kinds[type] ?? 'file';
  const entry = {
    kind,
    mode: parseMode(permissions),
    uid: Number(uid),
    gid: Number(gid),
    size: size.includes(',') ? 0 : Number(size),
    mtime: Date.parse(`${date}T${time}:00Z`) / 1000,
  };
  return kind === 'symlink' ? { ...entry, ...splitLink(rest, entry.size) } : { ...entry, path: rest };
}

/** The size of a link is the length of its target in bytes: that tells which arrow is the one between them. */
function splitLink(text: string, size: number): { path: string; target: string } {
  const arrow = ' -> ';
  let at = text.indexOf(arrow);
  for (let next = at; next !== -1; next = text.indexOf(arrow, next + 1)) {
    if (Buffer.byteLength(text.slice(next + arrow.length)) === size) at = next;
  }
  return at === -1 ? { path: text, target: '' } : { path: text.slice(0, at), target: text.slice(at + arrow.length) };
}

/** The bits of `rwxr-sr-t` and the like, as ls(1) writes them. */
export function parseMode(permissions: string): number {
  const bits = [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((place) => /[rwxst]/.test(permissions.charAt(place)));
  const special = [2, 5, 8].filter((place) => /[sStT]/.test(permissions.charAt(place)));
  return (
    bits.reduce((mode, place) => mode | (0o400 >> place), 0) |
    special.reduce((mode, place) => mode | (0o4000 >> Math.floor(place / 3)), 0)
  );
}
