import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { accessFor } from '../../../../src/builder/source/git-access.ts';
import { parseGitAddress } from '../../../../src/builder/source/git-address.ts';
import { parseSpec } from '../../../../src/builder/spec/parse.ts';
import { temporaryDirectory } from '../../../support/archives.ts';
import { sourceMeans } from '../../../support/sources.ts';

test('a key for ssh is a file in memory, since an agent has no socket in a sandbox with a network', () => {
  using work = temporaryDirectory();
  writeFileSync(work.at('key'), 'a key\n');
  const known = ['system', 'user'].map((name) => `${name} ssh-ed25519 AAAA\n`.repeat(10_000));
  for (const [index, text] of known.entries()) writeFileSync(work.at(`known-${index}`), text);
  const url = 'ssh://git@example.org/a';
  const spec = parseSpec(`name: a\nsources: {a: {git: {url: "${url}", commit: c, auth: {ssh: KEY}}}}`, 'a.yml');
  const source = spec.sources.get('a');
  const address = parseGitAddress(url);
  if (source?.kind !== 'git' || 'problem' in address) throw new Error('no source of git');

  const given = sourceMeans(work.path, {
    secrets: new Map([['KEY', work.at('key')]]),
    knownHosts: ['known-0', 'gone', 'known-1'].map((name) => work.at(name)),
  });
  const { environment, script, input } = accessFor('a', source, address.value, given);

  const here = script.replace('/tmp/', work.at('tmp-')).replace('/dev/shm/', work.at('memory-'));
  execFileSync('/bin/sh', ['-eu', '-c', here], { input: input ?? '' });
  expect(readFileSync(work.at('tmp-known_hosts'), 'utf8').split('\n').filter(Boolean)).toEqual(
    known.join('').split('\n').filter(Boolean),
  );
  expect(readFileSync(work.at('memory-key'), 'utf8')).toBe('a key\n');
  expect(statSync(work.at('memory-key')).mode & 0o777).toBe(0o600);
  expect(environment['GIT_SSH_COMMAND']).toMatch(/ -o IdentitiesOnly=yes -i \/dev\/shm\/key$/);
  expect(`${script}${JSON.stringify(environment)}`).not.toMatch(/a key|ssh-agent/);
});
