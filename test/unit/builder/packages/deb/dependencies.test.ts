import { expect, test } from 'vitest';

import { withDependencies } from '../../../../../src/builder/packages/deb/dependencies.ts';
import type { SelectedPackage } from '../../../../../src/builder/packages/packages.ts';
import { AgentError } from '../../../../../src/core/errors.ts';

const depends: Readonly<Record<string, string>> = {
  apt: 'libc6 (>= 2.38), gpgv | sqv, adduser:any',
  awkward: 'awk, missing | mawk',
  gpgv: 'libc6',
  init: 'usrmerge | usr-is-merged',
  libc6: 'apt',
  mawk: '',
  sqv: '',
  'usr-is-merged': '',
  usrmerge: 'perl',
};

function namesWith(...names: string[]): string[] {
  const select = (name: string): SelectedPackage => {
    if (name === 'awk') throw new AgentError('ambiguous-package', 'several provide it');
    if (depends[name] === undefined) throw new AgentError('unknown-package', 'not there');
    return { name, version: '1', architecture: 'all', sha256: '', size: 1, url: '' };
  };
  return withDependencies(names, { select, dependsOf: ({ name }) => depends[name] ?? '' }).map(({ name }) => name);
}

test('each package comes once, of alternatives the first, and what is not there does not come', () => {
  expect(namesWith('apt', 'awkward')).toEqual(['apt', 'awkward', 'libc6', 'gpgv', 'mawk']);
});

test('an alternative that is asked for by name is enough', () => {
  expect(namesWith('init', 'usr-is-merged', 'nowhere')).toEqual(['init', 'usr-is-merged']);
  expect(namesWith('usr-is-merged', 'init')).toEqual(['usr-is-merged', 'init']);
});
