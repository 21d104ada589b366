import type Database from 'better-sqlite3';

import type { IndexFormat } from '../index-cache.ts';
import {
  readDatabase,
  writeDatabase,
  type IndexDatabase,
  type IndexedPackage,
  type Provided,
} from '../index-database.ts';
import { StanzaReader, type Stanza } from './deb822.ts';

/** A package as a Packages index lists it. */
export interface DebPackage extends IndexedPackage {
  /** The field `Source`; empty where the source package is of the same name and version. */
  readonly source?: string;
}

/** One Packages index. Its names are those of packages and what they provide (Debian policy 7.5). */
export interface DebDatabase extends IndexDatabase<DebPackage> {
  /** The fields Pre-Depends and Depends of a package, as one; empty where it has none or is not there. */
  dependsOf(name: string, version: string, architecture: string): string;
}

/** Version of the tables below; part of the file name, so that no file of another version is ever read. */
export const databaseFormat = 4;

const tables = `
  CREATE TABLE packages (
    name TEXT NOT NULL, version TEXT NOT NULL, architecture TEXT NOT NULL,
    filename TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL, source TEXT NOT NULL, depends TEXT NOT NULL,
    PRIMARY KEY (name, version, architecture)
  ) WITHOUT ROWID;
  CREATE TABLE provides (
    name TEXT NOT NULL, package TEXT NOT NULL, version TEXT NOT NULL, architecture TEXT NOT NULL, provided TEXT NOT NULL,
    PRIMARY KEY (name, package, version, architecture, provided)
  ) WITHOUT ROWID;`;

const wanted = [
  'package',
  'version',
  'architecture',
  'filename',
  'size',
  'sha256',
  'source',
  'provides',
  'pre-depends',
  'depends',
];

/** Writes a Packages index into a new database file. */
export function buildIndexDatabase(path: string, pieces: Iterable<Uint8Array>): void {
  writeDatabase(path, (database) => {
    database.exec(tables);
    const reader = new StanzaReader(wanted, inserter(database));
    const decoder = new TextDecoder();
    for (const piece of pieces) reader.write(decoder.decode(piece, { stream: true }));
    reader.write(decoder.decode());
    reader.end();
  });
}

/** A package without a hash could never be verified: it is left out, and so is a second one of the same version. */
function inserter(database: Database.Database): (stanza: Stanza) => void {
  const addPackage = database.prepare('INSERT OR IGNORE INTO packages VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  const addProvided = database.prepare('INSERT OR IGNORE INTO provides VALUES (?, ?, ?, ?, ?)');
  return (stanza) => {
    const found = packageOf(stanza);
    if (found === undefined) return;
    const { name, version, architecture, filename, size, sha256, source } = found;
    const depends = [stanza.get('pre-depends'), stanza.get('depends')].filter((field) => field !== undefined);
    addPackage.run(name, version, architecture, filename, size, sha256, source ?? '', depends.join(', '));
    for (const provided of parseProvides(stanza.get('provides')))
      addProvided.run(provided.name, name, version, architecture, provided.version);
  };
}

function packageOf(stanza: Stanza): DebPackage | undefined {
  const name = stanza.get('package');
  const version = stanza.get('version');
  const architecture = stanza.get('architecture');
  const filename = stanza.get('filename');
  const size = Number(stanza.get('size'));
  const sha256 = stanza.get('sha256');
  if (!name || !version || !architecture || !filename || !Number.isSafeInteger(size)) return undefined;
  if (sha256 === undefined || !/^[0-9a-f]{64}$/.test(sha256)) return undefined;
  return { name, version, architecture, filename, size, sha256, source: stanza.get('source') ?? '' };
}

/** Reads a Provides field: names, each perhaps with the version that it stands for and an architecture. */
export function parseProvides(field: string | undefined): { readonly name: string; readonly version: string }[] {
  if (field === undefined) return [];
  return field.split(',').flatMap((item) => {
    const [, name, version = ''] = /^\s*([^\s:(]+)(?::\S+)?\s*(?:\(\s*=\s*([^\s)]+)\s*\))?\s*$/.exec(item) ?? [];
    return name === undefined ? [] : [{ name, version }];
  });
}

/** Packages indexes, as the cache keeps them. */
export const packagesFormat: IndexFormat = { name: String(databaseFormat), build: buildIndexDatabase };

const columns = ['name', 'version', 'architecture', 'filename', 'size', 'sha256', 'source']
  .map((column) => `packages.${column}`)
  .join();

/** Opens a database that `buildIndexDatabase` has written. */
export function openIndexDatabase(path: string): DebDatabase {
  const database = readDatabase(path);
  const packages = database.prepare<[string], DebPackage>(`SELECT ${columns} FROM packages WHERE name = ?`);
  const providers = database.prepare<[string], DebPackage & Provided>(
    `SELECT ${columns}, provided FROM provides JOIN packages
       ON packages.name = package AND packages.version = provides.version
      AND packages.architecture = provides.architecture
     WHERE provides.name = ?`,
  );
  const depends = database
    .prepare<[string, string, string], string>(
      'SELECT depends FROM packages WHERE name = ? AND version = ? AND architecture = ?',
    )
    .pluck();
  const names = database
    .prepare<[number, number, number, number], string>(
      `SELECT name FROM packages WHERE length(name) BETWEEN ? AND ?
       UNION SELECT name FROM provides WHERE length(name) BETWEEN ? AND ?`,
    )
    .pluck();
  return {
    packages: (name) => packages.all(name),
    providers: (name) => providers.all(name),
    dependsOf: (name, version, architecture) => depends.get(name, version, architecture) ?? '',
    names: (shortest, longest) => names.all(shortest, longest, shortest, longest),
    close: () => database.close(),
  };
}
