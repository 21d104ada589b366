import { basename } from 'node:path';

import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The test files that take longest, longest first; `npm run test:all` shows how long each took. */
const longest = [
  'package',
  'faults',
  'atomic',
  'effects-steps',
  'thirty',
  'systemd-contract-images',
  'apply',
  'crash-matrix',
  'generations-machines',
  'mounted-images',
  'main-job',
  'bad-input-crash',
  'boot',
  'systemd-contract-operations',
  'effects',
  'published-machines',
  'registry',
  'published-install',
  'package-managers',
  'generations',
  'quarantine',
  'bad-input-concurrency',
  'systemd-bus',
  'bad-input-host',
  'bad-input-images',
  'drift-machines',
  'bad-input-packages',
  'doctor',
  'machine',
  'spec-tests',
  'build-root',
  'making',
];

/**
 * Begins with the longest files, also where vitest has no durations of an earlier run: one that begins last is alone.
 * Unit tests are short and come last, one after the other, so that one process can do many of them.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

function rank({ moduleId, project }: TestSpecification): number {
  if (project.name === 'unit') return longest.length + 1;
  const index = longest.indexOf(basename(moduleId, '.test.ts'));
  return index === -1 ? longest.length : index;
}
