import { basename } from 'node:path';

import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The test files that take longest, longest first; `npm run test:all` shows how long each took. */
const longest = [
  'atomic',
  'systemd-contract-operations',
  'package',
  'mounted-images',
  'daemon-hardening',
  'apply',
  'effects-steps',
  'generations',
  'crash-matrix',
  'bad-input-crash',
  'faults',
  'generations-machines',
  'boot',
  'package-managers',
  'making',
  'effects',
  'thirty',
  'systemd-contract-images',
  'bad-input-concurrency',
  'contents',
  'doctor',
  'deb-repository',
  'rpm-repository',
  'main-job',
  'unattended',
  'drift-machines',
  'bad-input-host',
  'systemd-bus',
  'sources',
  'bad-input-images',
  'bad-input-packages',
  'machine',
  'dbus-api',
  'service-build',
  'published-install',
  'quarantine',
  'published-machines',
  'registry',
  'spec-tests',
  'build-root',
  'bundle',
  'extra-repositories',
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
