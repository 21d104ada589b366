import fs from 'node:fs';
import { basename, join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { attempt, fileStatus, listNames } from './files.ts';
import { belowRoot } from './root.ts';

/** The drop-in files of some directories, with those that cannot be used. */
export interface CheckedDropIns {
  /** Sorted by the bytes of the name, whatever directory they are from. */
  readonly dropIns: readonly CheckedDropIn[];
  /** Directories whose files are not known, and why. */
  readonly closed: readonly Refused[];
  /** Whether any of the directories is there. */
  readonly anyDirectory: boolean;
}

export type CheckedDropIn = Checked<{ readonly text: string }>;

/** A file as `checkedDropIns` reads them, of which nobody said yet that it is text. */
export type CheckedBytes = Checked<{ readonly bytes: Buffer }>;

type Checked<Content> = {
  /** The file name, the same in every directory. */
  readonly name: string;
  readonly path: string;
} & (
  | ({ readonly kind: 'file' } & Content)
  /** It is empty or leads to /dev/null, and takes those of its name out. */
  | { readonly kind: 'mask' }
  | { readonly kind: 'refused'; readonly why: string }
);

interface Refused {
  readonly path: string;
  readonly why: string;
}

export interface DropInRules {
  /** The directory that stands for `/`: no symbolic link leads out of it. */
  readonly root: string;
  /** What names end in: `.yml`. */
  readonly suffix: string;
  /** Another ending that people may take for it; a file with it is refused rather than passed over. */
  readonly mistaken?: string;
  /** Whether only files count that nobody but root (or who runs this) could have written. */
  readonly trusted: boolean;
}

/** Files that people write are far smaller. */
const largestFile = 1024 * 1024;

/** /dev/null, wherever its node is. */
const nullDevice = 0x103;

/**
 * Reads drop-ins by systemd's rules, as readDropIns(); but what cannot be used is told and stops nothing else. A file that
 * is refused still takes the place of those of its name in later directories: which of them should count instead, nobody
 * has said.
 * @param directories below the root, the one that counts most first.
 */
export function checkedDropIns(directories: readonly string[], rules: DropInRules): CheckedDropIns {
  const listings = directories.map((directory) => listing(directory, rules));
  return {
    dropIns: chosenOf(listings).map((candidate) => textOf(readCandidate(candidate, rules))),
    closed: listings.flatMap(({ closed }) => closed ?? []),
    anyDirectory: listings.some(({ exists }) => exists),
  };
}

/**
 * Files by the same rules, whatever is in them; a directory that cannot be read has none.
 */
export function checkedBytes(directories: readonly string[], rules: DropInRules): readonly CheckedBytes[] {
  return chosenOf(directories.map((directory) => listing(directory, rules))).map((candidate) =>
    readCandidate(candidate, rules),
  );
}

/** One file that was named, by the same rules but for its name. */
export function checkedFile(path: string, trusted: boolean): CheckedDropIn {
  return textOf(readCandidate({ name: basename(path), path, distrust: undefined }, { root: '/', suffix: '', trusted }));
}

/** Of candidates of the same name the first, sorted by the bytes of the name. */
function chosenOf(listings: readonly Listing[]): readonly Candidate[] {
  const chosen = new Map<string, Candidate>();
  for (const candidate of listings.flatMap(({ candidates }) => candidates)) {
    if (!chosen.has(candidate.name)) chosen.set(candidate.name, candidate);
  }
  return [...chosen.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

interface Candidate {
  readonly name: string;
  readonly path: string;
  /** Why no file of its directory counts. */
  readonly distrust: string | undefined;
}

interface Listing {
  readonly exists: boolean;
  readonly candidates: readonly Candidate[];
  readonly closed?: Refused;
}

function listing(directory: string, { root, suffix, mistaken, trusted }: DropInRules): Listing {
  const shown = root === '/' ? directory : join(root, directory);
  try {
    const real = belowRoot(root, directory);
    const status = fileStatus(real);
    if (status === undefined) return { exists: false, candidates: [] };
    const names = listNames(real).filter((name) => isDropIn(name, suffix) || isDropIn(name, mistaken));
    const why = trusted ? distrustOf(status) : undefined;
    const distrust = why === undefined ? undefined : `its directory ${why}`;
    return { exists: true, candidates: names.map((name) => ({ name, path: join(shown, name), distrust })) };
  } catch (error) {
    return { exists: true, candidates: [], closed: { path: shown, why: reasonOf(error) } };
  }
}

/** Hidden files, and those that editors and package managers leave behind, have another ending or begin with a dot. */
function isDropIn(name: string, suffix: string | undefined): boolean {
  return suffix !== undefined && name.endsWith(suffix) && !name.startsWith('.');
}

function readCandidate({ name, path, distrust }: Candidate, rules: DropInRules): CheckedBytes {
  const refused = (why: string) => ({ name, path, kind: 'refused', why }) as const;
  if (!name.endsWith(rules.suffix)) return refused(`it is not read: its name must end in ${rules.suffix}`);
  if (distrust !== undefined) return refused(distrust);
  try {
    const real = realPathOf(path, rules.root);
    if (real === join(rules.root, 'dev/null')) return { name, path, kind: 'mask' };
    const found = readRegular(real, rules.trusted);
    if ('why' in found) return refused(found.why);
    return found.bytes.length === 0 ? { name, path, kind: 'mask' } : { name, path, kind: 'file', bytes: found.bytes };
  } catch (error) {
    return refused(reasonOf(error));
  }
}

/** Where a path below the root leads. */
function realPathOf(path: string, root: string): string {
  return root === '/' ? path : belowRoot(root, path.slice(root.length));
}

type Content = { readonly bytes: Buffer } | { readonly why: string };

/** Opened first and judged then: what is read is what was judged. */
function readRegular(path: string, trusted: boolean): Content {
  const status = fileStatus(path);
  if (status === undefined) return { why: 'it leads to nothing' };
  if (status.isCharacterDevice() && status.rdev === nullDevice) return { bytes: Buffer.alloc(0) };
  if (!status.isFile()) return { why: 'it is not a regular file' };
  return attempt('read', path, () => {
    const descriptor = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    try {
      return contentOf(descriptor, trusted);
    } finally {
      fs.closeSync(descriptor);
    }
  });
}

function contentOf(descriptor: number, trusted: boolean): Content {
  const status = fs.fstatSync(descriptor);
  const distrust = trusted ? distrustOf(status) : undefined;
  if (!status.isFile()) return { why: 'it is not a regular file' };
  if (distrust !== undefined) return { why: `it ${distrust}` };
  if (status.size > largestFile) return { why: `it is too big: ${status.size} bytes, at most ${largestFile} are read` };
  const bytes = Buffer.alloc(status.size);
  return { bytes: bytes.subarray(0, fs.readSync(descriptor, bytes)) };
}

/** The text, unless it is no UTF-8: what cannot be shown cannot be reviewed. */
function textOf(found: CheckedBytes): CheckedDropIn {
  if (found.kind !== 'file') return found;
  const { name, path, bytes } = found;
  try {
    return { name, path, kind: 'file', text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { name, path, kind: 'refused', why: 'it is not text in UTF-8' };
  }
}

/** Whoever may write it decides what root merges. */
function distrustOf({ uid, mode }: fs.Stats): string | undefined {
  if (uid !== 0 && uid !== process.getuid?.()) return `belongs to the user ${uid}, not to root`;
  return (mode & 0o022) === 0 ? undefined : 'can be written by others than root: chmod go-w';
}

function reasonOf(error: unknown): string {
  if (error instanceof AgentError) return error.message;
  throw error;
}
