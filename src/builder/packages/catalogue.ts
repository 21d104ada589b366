import type { Candidate, Origin, Provider } from './candidates.ts';
import type { IndexDatabase, IndexedPackage } from './index-database.ts';
import { largestDistance, nearestNames } from './nearest.ts';

/** All indexes of a target, as one. */
export interface Catalogue<P extends IndexedPackage> {
  packages(name: string): readonly Candidate<P>[];
  providers(name: string): readonly Provider<P>[];
  /** Names that are there and look like this one, the nearest first. */
  nearest(name: string): readonly string[];
}

/** An index that is open, and where its packages are offered. */
export interface OpenIndex<D> {
  readonly origin: Origin;
  readonly database: D;
}

/** Lets work be done with indexes that are open, and closes them after it. */
export async function withIndexes<I extends OpenIndex<{ close(): void }>, T>(
  indexes: readonly I[],
  use: (indexes: readonly I[]) => T | Promise<T>,
): Promise<T> {
  try {
    return await use(indexes);
  } finally {
    for (const { database } of indexes) database.close();
  }
}

export function catalogueOf<P extends IndexedPackage>(indexes: readonly OpenIndex<IndexDatabase<P>>[]): Catalogue<P> {
  return {
    packages: (name) => offered(indexes, ({ database }) => database.packages(name)),
    providers: (name) => offered(indexes, ({ database }) => database.providers(name)),
    nearest: (name) => {
      const reach = largestDistance(name);
      const names = indexes.flatMap(({ database }) => database.names(name.length - reach, name.length + reach));
      return nearestNames(name, names);
    },
  };
}

/** What is found in each index, with where it is offered. */
export function offered<I extends OpenIndex<unknown>, T>(
  indexes: readonly I[],
  find: (index: I) => readonly T[],
): (T & { readonly origin: Origin })[] {
  return indexes.flatMap((index) => find(index).map((found) => ({ ...found, origin: index.origin })));
}
