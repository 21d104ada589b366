import { writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { accessFor } from '../../../../src/builder/source/git-access.ts';
import { parseGitAddress } from '../../../../src/builder/source/git-address.ts';
import { parseSpec } from '../../../../src/builder/spec/parse.ts';
import { temporaryDirectory } from '../../../support/archives.ts';
import { sourceMeans } from '../../../support/sources.ts';

test('a key for ssh is a file in memory, since an agent has no socket in a sandbox with a network', () => {
  using work = temporaryDirectory();
  writeFileSync(work.at('key'), 'a key\n');
  const url = 'ssh://git@example.org/a';
  const spec = parseSpec(`name: a\nsources: {a: {git: {url: "${url}", commit: c, auth: {ssh: KEY}}}}`, 'a.yml');
  const source = spec.sources.get('a');
  const address = parseGitAddress(url);
  if (source?.kind !== 'git' || 'problem' in address) throw new Error('no source of git');

  const given = sourceMeans(work.path, { secrets: new Map([['KEY', work.at('key')]]) });
  const { environment, script, input } = accessFor('a', source, address.value, given);

  expect(script).toMatch(/\(umask 077; cat >\/dev\/shm\/key\)$/);
  expect(input).toBe('a key\n');
  expect(environment['GIT_SSH_COMMAND']).toMatch(/ -o IdentitiesOnly=yes -i \/dev\/shm\/key$/);
  expect(`${script}${JSON.stringify(environment)}`).not.toMatch(/a key|ssh-agent/);
});
