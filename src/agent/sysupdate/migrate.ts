import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import { fileStatus, makeDirectory, writeAtomically } from '../../host/files.ts';
import { hostArchitecture, readOsRelease } from '../../systemd/host-release.ts';
import { keepersOfEtc, overReadOnlyEtc } from '../read-only-etc.ts';
import { readSysupdateFiles } from './files.ts';
import { migrated, type Migrated } from './transfer.ts';

/** Makes drop-ins of all definitions of systemd-sysupdate below a root; of two for one extension the first counts. */
export function migrateSysupdate(root: string): readonly Migrated[] {
  const { transfers, features } = readSysupdateFiles(root);
  const host = { architecture: hostArchitecture(), release: readOsRelease(root), features };
  const taken = new Map<string, string>();
  return transfers.map((file) => {
    const result = migrated(file, host);
    if (result.kind === 'left-out') return result;
    const first = taken.get(result.name);
    taken.set(result.name, first ?? result.path);
    return first === undefined
      ? result
      : {
          kind: 'left-out',
          path: result.path,
          why: `${first} is about ${result.name} already: one extension has one source`,
        };
  });
}

/**
 * Writes drop-ins into a directory that is made where it is missing. None of them takes the place of a file that is there.
 * @returns their paths.
 * @throws AgentError `conflict` where a file of that name is there already: then none is written.
 */
export function writeDropIns(directory: string, results: readonly Migrated[]): readonly string[] {
  const files = results.flatMap((result) =>
    result.kind === 'drop-in' ? [{ path: join(directory, `50-${result.name}.yml`), text: result.text }] : [],
  );
  const there = files.find(({ path }) => fileStatus(path) !== undefined);
  if (there !== undefined) {
    throw new AgentError('conflict', `${there.path} is there already`, {
      left: 'Nothing was written.',
      next: 'Name another directory, and compare.',
    });
  }
  try {
    if (files.length > 0) makeDirectory(directory);
    for (const { path, text } of files) writeAtomically(path, text);
  } catch (error) {
    throw overReadOnlyEtc(error, keepersOfEtc('/'));
  }
  return files.map(({ path }) => path);
}
