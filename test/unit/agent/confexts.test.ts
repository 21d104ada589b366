import { expect, test } from 'vitest';

import { overviewOf } from '../../../src/agent/confexts.ts';
import type { JudgedImage, Verdict } from '../../../src/systemd/verdicts.ts';

const merges: Verdict = { outcome: 'merges', hierarchies: ['etc'] };

function found(name: string, verdict: Verdict): JudgedImage {
  const path = `/var/lib/confexts/${name}`;
  return { image: { name, kind: 'directory', path, realPath: path }, verdict };
}

test('each confext with why it is not merged', () => {
  const told = (images: readonly JudgedImage[], merged: readonly string[]) =>
    overviewOf(images, merged).map(({ name, merged, whyNot = '' }) => [name, merged, whyNot]);
  const why = { field: 'ID', expected: '', found: '', reason: 'it is for ID=x' };
  const images = [found('a', merges), found('b', { outcome: 'ignored', why })];

  expect(told(images, ['gone'])).toEqual([
    ['a', false, 'it fits and would be merged: run `sysext-agent refresh --class=confext`'],
    ['b', false, 'it is for ID=x'],
    ['gone', true, ''],
  ]);
  const bad = found('bad', { outcome: 'stops', reason: 'it is no image' });
  expect(told([...images, bad], ['b'])).toEqual([
    ['a', false, '/var/lib/confexts/bad stops every merge of confexts'],
    ['b', true, ''],
    ['bad', false, 'it is no image; to take it out: mv /var/lib/confexts/bad /var/tmp/'],
  ]);
});
