import type { ArchiveEntry } from '../../core/tree.ts';
import { readTar } from '../../host/tar.ts';
import { judge, type SoundEntry } from '../tree/judge.ts';
import type { Brought } from './git-repository.ts';

/**
 * The files of a repository and its submodules, each in its place.
 * @returns what no build can have is left out, with a word on it.
 */
export function filesIn(repositories: readonly Brought[]): {
  readonly nodes: readonly SoundEntry[];
  readonly leftOut: readonly string[];
} {
  const read = repositories.flatMap(({ path, archives }) =>
    // The place of a submodule is judged as well: its repository says where that is.
    archives.map((archive) => judge(readTar(archive).map((entry) => inPlace(entry, path)))),
  );
  const refusals = read.flatMap((one) => one.refusals);
  return { nodes: read.flatMap(({ entries }) => entries), leftOut: refusals.length === 0 ? [] : [summary(refusals)] };
}

function inPlace(entry: ArchiveEntry, path: string): ArchiveEntry {
  return path === '' ? entry : { ...entry, name: `${path}/${entry.name}` };
}

function summary(refusals: readonly string[]): string {
  const [some, more] = [refusals.slice(0, 5), refusals.length - 5];
  return `left out: ${some.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
