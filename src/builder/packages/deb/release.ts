import { AgentError } from '../../../core/errors.ts';
import type { ListedFile, PackedIndex } from '../index-cache.ts';
import { parseStanza, type Stanza } from './deb822.ts';
import type { SignedText } from './signature.ts';
import type { Compression } from '../../../host/unpack.ts';

/** What a verified Release file says about a suite (repository format: wiki.debian.org/DebianRepository/Format). */
export interface Release {
  readonly suite: string | undefined;
  readonly codename: string | undefined;
  readonly date: Date;
  readonly validUntil: Date | undefined;
  readonly architectures: readonly string[];
  readonly byHash: boolean;
  /** Whether the indexes of each architecture leave out what is for all of them. */
  readonly separateAll: boolean;
  readonly files: ReadonlyMap<string, ListedFile>;
}

/**
 * Reads a Release file.
 * @throws AgentError `verification-failed` where it lacks what every later check rests on.
 */
export function parseRelease(source: string, { text }: SignedText): Release {
  const fields = parseStanza(text);
  const date = dateOf(source, fields, 'date');
  if (date === undefined) throw unusable(source, 'has no Date');
  const architectures = words(fields.get('architectures'));
  return {
    suite: fields.get('suite'),
    codename: fields.get('codename'),
    date,
    validUntil: dateOf(source, fields, 'valid-until'),
    architectures,
    byHash: fields.get('acquire-by-hash') === 'yes',
    separateAll:
      architectures.includes('all') && !words(fields.get('no-support-for-architecture-all')).includes('Packages'),
    files: listedFiles(source, fields.get('sha256')),
  };
}

function words(value = ''): string[] {
  return value.split(/\s+/).filter((word) => word !== '');
}

function dateOf(source: string, fields: Stanza, name: string): Date | undefined {
  const text = fields.get(name);
  if (text === undefined) return undefined;
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) throw unusable(source, `has the date "${text}", which cannot be read`);
  return date;
}

/** Only SHA256 is used: the older tables beside it are of hashes that can be forged. */
function listedFiles(source: string, table: string | undefined): Map<string, ListedFile> {
  if (table === undefined) throw unusable(source, 'has no SHA256 table');
  const files = new Map<string, ListedFile>();
  for (const line of table.split('\n')) {
    const [, sha256, size, path] = /^\s*([0-9a-f]{64})\s+(\d{1,15})\s+(\S+)\s*$/.exec(line) ?? [];
    if (sha256 !== undefined && size !== undefined && path !== undefined)
      files.set(path, { path, size: Number(size), sha256 });
  }
  return files;
}

function unusable(source: string, why: string): AgentError {
  return new AgentError('verification-failed', `${source} ${why}`);
}

/** What a Release file is asked to be. */
export interface Expectations {
  readonly suite: string;
  readonly architecture: string;
  readonly checkValidUntil: boolean;
  readonly checkDate: boolean;
}

/** How far a Release file may be ahead of this host's clock, in milliseconds: apt's Acquire::Max-FutureTime. */
const clockTolerance = 10_000;

/**
 * Checks that a Release file is the one that was asked for, and of this time.
 * @throws AgentError `verification-failed`, and `invalid-config` where the suite has nothing for this architecture.
 */
export function checkRelease(source: string, release: Release, expected: Expectations, now: Date): void {
  const { suite, codename, architectures } = release;
  if (suite !== expected.suite && codename !== expected.suite)
    throw new AgentError('verification-failed', `${source} is of another suite than ${expected.suite}`, {
      facts: [`Suite: ${suite ?? 'not given'}`, `Codename: ${codename ?? 'not given'}`],
    });
  checkExpiry(source, release.validUntil, expected.checkValidUntil, now);
  if (expected.checkDate && release.date.getTime() > now.getTime() + clockTolerance)
    throw new AgentError('verification-failed', `${source} is dated ${release.date.toISOString()}, in the future`, {
      unverified: 'outdated',
      next: 'Set the clock of this host, or set "check_date: false" for the repository in the target file (apt: Check-Date).',
    });
  if (architectures.length > 0 && !architectures.includes(expected.architecture))
    throw new AgentError('invalid-config', `${source} has no packages for ${expected.architecture}`, {
      facts: [`it has: ${architectures.join(', ')}`],
    });
}

/**
 * Refuses a Release file that has outlived its Valid-Until: a mirror that stands still would hide security updates.
 * @throws AgentError `verification-failed`
 */
export function checkExpiry(source: string, validUntil: Date | undefined, enforced: boolean, now: Date): void {
  if (!enforced || validUntil === undefined || validUntil.getTime() >= now.getTime()) return;
  throw new AgentError('verification-failed', `${source} expired at ${validUntil.toISOString()}`, {
    unverified: 'outdated',
    next:
      'Use a mirror that is kept up to date and check the clock of this host; for an archive that is no longer updated, ' +
      'set "check_valid_until: false" for the repository in the target file (apt: Check-Valid-Until).',
  });
}

/** How a Packages index is packed, in the order in which we like it: what Node unpacks itself first. */
const packings: readonly (readonly [suffix: string, compression: Compression])[] = [
  ['.gz', 'gzip'],
  ['.xz', 'xz'],
  ['', 'none'],
];

/**
 * The indexes to read for a component.
 * @throws AgentError `invalid-config` where the suite has no such component.
 */
export function packagesIndexes(
  source: string,
  release: Release,
  component: string,
  architecture: string,
): PackedIndex[] {
  const native = packagesIndex(release, component, architecture);
  if (native === undefined)
    throw new AgentError('invalid-config', `${source} has no component ${component} for ${architecture}`);
  const all = release.separateAll ? packagesIndex(release, component, 'all') : undefined;
  return all === undefined ? [native] : [native, all];
}

function packagesIndex({ files }: Release, component: string, architecture: string): PackedIndex | undefined {
  const path = `${component}/binary-${architecture}/Packages`;
  for (const [suffix, compression] of packings) {
    const packed = files.get(`${path}${suffix}`);
    if (packed !== undefined) return { compression, packed, plain: files.get(path) };
  }
  return undefined;
}
