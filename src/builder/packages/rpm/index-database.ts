import type Database from 'better-sqlite3';

import { AgentError } from '../../../core/errors.ts';
import { readXml } from '../../../core/xml.ts';
import type { IndexFormat } from '../index-cache.ts';
import {
  readDatabase,
  writeDatabase,
  type IndexDatabase,
  type IndexedPackage,
  type Provided,
} from '../index-database.ts';
import { fullVersion, primaryReader, type ListedPackage } from './primary.ts';

/** A package as primary.xml lists it; its version is `epoch:version-release`, without an epoch of 0. */
export interface RpmPackage extends IndexedPackage {
  /** 1 where it belongs to a module stream, which dnf offers only where the stream is switched on; else 0. */
  readonly modular: number;
}

/** One primary.xml. Its names are those of packages. */
export interface RpmDatabase extends IndexDatabase<RpmPackage> {
  /** The packages that have a file, as far as primary.xml lists it. */
  owners(path: string): readonly RpmPackage[];
  /** The package whose file has this sha256. */
  byChecksum(sha256: string): readonly RpmPackage[];
}

const tables = `
  CREATE TABLE packages (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, version TEXT NOT NULL, architecture TEXT NOT NULL,
    filename TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, modular INTEGER NOT NULL
  );
  CREATE TABLE provides (name TEXT NOT NULL, package INTEGER NOT NULL, provided TEXT NOT NULL);
  CREATE TABLE files (path TEXT NOT NULL, package INTEGER NOT NULL);`;

/** Made when all rows are there: that sorts them on disk, where rows in any order would fill the memory. */
const indexes = `
  CREATE INDEX package_names ON packages (name);
  CREATE INDEX package_sums ON packages (sha256);
  CREATE INDEX provided_names ON provides (name);
  CREATE INDEX file_paths ON files (path);`;

/** Names of modular packages carry it in their release: `1.module+el8.5.0+12+abc` (Fedora: `.module_f34`). */
const moduleMark = /(^|\.)module[+_]/;

/** primary.xml, as the cache keeps it; the number is the version of the tables. */
export const primaryFormat: IndexFormat = { name: 'rpm1', build: buildIndexDatabase };

/**
 * Writes primary.xml into a new database file.
 * @throws AgentError `verification-failed` where it is no well-formed list, or none of its packages has a sha256.
 */
export function buildIndexDatabase(path: string, pieces: Iterable<Uint8Array>): void {
  writeDatabase(path, (database) => {
    database.exec(tables);
    fill(database, pieces);
    database.exec(indexes);
  });
}

function fill(database: Database.Database, pieces: Iterable<Uint8Array>): void {
  const counts = { kept: 0, left: 0 };
  const insert = inserter(database);
  const reader = primaryReader((pkg) => {
    if (insert(pkg)) counts.kept++;
    else if (pkg.arch !== 'src') counts.left++;
  }, malformed);
  readXml(reader, pieces);
  if (counts.kept === 0 && counts.left > 0)
    throw new AgentError('verification-failed', 'none of the packages of the repository has a sha256 to verify it by');
}

function malformed(why: string): AgentError {
  return new AgentError('verification-failed', `the package list of the repository is malformed: ${why}`);
}

/** A package that could not be verified, or is not in the repository, is left out; sources are no packages here. */
function inserter(database: Database.Database): (pkg: ListedPackage) => boolean {
  const addPackage = database.prepare('INSERT INTO packages VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)');
  const addProvided = database.prepare('INSERT INTO provides VALUES (?, ?, ?)');
  const addFile = database.prepare('INSERT INTO files VALUES (?, ?)');
  return (pkg) => {
    if (!isUsable(pkg)) return false;
    const { name, arch, location, size, checksum, release } = pkg;
    const modular = moduleMark.test(release) ? 1 : 0;
    const { lastInsertRowid: id } = addPackage.run(name, fullVersion(pkg), arch, location, size, checksum, modular);
    for (const { name: provided, version } of pkg.provides)
      if (provided !== '' && provided !== name) addProvided.run(provided, id, version);
    for (const file of pkg.files) addFile.run(file, id);
    return true;
  };
}

function isUsable({ name, arch, version, release, location, size, checksumType, checksum, elsewhere }: ListedPackage) {
  const named = name !== '' && version !== '' && release !== '' && location !== '';
  const verifiable = checksumType === 'sha256' && /^[0-9a-f]{64}$/.test(checksum) && Number.isSafeInteger(size);
  return named && verifiable && size > 0 && !elsewhere && arch !== '' && arch !== 'src' && arch !== 'nosrc';
}

/** Opens a database that `buildIndexDatabase` has written. */
export function openIndexDatabase(path: string): RpmDatabase {
  const database = readDatabase(path);
  const columns = 'packages.name, version, architecture, filename, size, sha256, modular';
  const select = (rest: string) => database.prepare<[string], RpmPackage>(`SELECT ${columns} FROM ${rest}`);
  const packages = select('packages WHERE name = ?');
  const byChecksum = select('packages WHERE sha256 = ?');
  const owners = select('files JOIN packages ON packages.id = package WHERE path = ?');
  const providers = database.prepare<[string], RpmPackage & Provided>(
    `SELECT ${columns}, provided FROM provides JOIN packages ON packages.id = package WHERE provides.name = ?`,
  );
  const names = database
    .prepare<[number, number], string>('SELECT DISTINCT name FROM packages WHERE length(name) BETWEEN ? AND ?')
    .pluck();
  return {
    packages: (name) => packages.all(name),
    providers: (name) => providers.all(name),
    owners: (file) => owners.all(file),
    byChecksum: (sha256) => byChecksum.all(sha256),
    names: (shortest, longest) => names.all(shortest, longest),
    close: () => database.close(),
  };
}
