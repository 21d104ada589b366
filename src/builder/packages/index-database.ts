import Database from 'better-sqlite3';

/** A package as the index of a repository lists it. */
export interface IndexedPackage {
  readonly name: string;
  /** As the family writes it in full. */
  readonly version: string;
  readonly architecture: string;
  /** Below the base address of the repository; not checked. */
  readonly filename: string;
  readonly size: number;
  readonly sha256: string;
}

/** What a package that provides another name has beside its own fields. */
export interface Provided {
  /** The version of the other name that it provides; empty where it names none. */
  readonly provided: string;
}

/** One index in a form that answers at once. */
export interface IndexDatabase<P extends IndexedPackage> {
  packages(name: string): readonly P[];
  /** The packages that say they stand for another name. */
  providers(name: string): readonly (P & Provided)[];
  /** The names of these lengths that there are. */
  names(shortest: number, longest: number): readonly string[];
  close(): void;
}

/**
 * Writes a new database file in one go. The file is good only once this has returned: nothing is journalled, the caller
 * gives it its name afterwards.
 */
export function writeDatabase(path: string, write: (database: Database.Database) => void): void {
  const database = new Database(path);
  try {
    database.pragma('journal_mode = OFF');
    database.pragma('synchronous = OFF');
    database.pragma('temp_store = FILE');
    database.exec('BEGIN');
    write(database);
    database.exec('COMMIT');
  } finally {
    database.close();
  }
}

/** Opens a database that was written so. */
export function readDatabase(path: string): Database.Database {
  return new Database(path, { readonly: true, fileMustExist: true });
}
