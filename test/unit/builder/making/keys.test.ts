import { describe, expect, test } from 'vitest';

import { firstKey, keysAfter, settled } from '../../../../src/builder/making/keys.ts';
import type { MakingStep } from '../../../../src/builder/making/making-step.ts';

const plain: MakingStep = {
  title: 'build step 1',
  position: { file: 's', line: 1, column: 1 },
  argv: ['/bin/sh', '-c', 'true'],
  directory: '/build',
  environment: {},
  network: false,
  binds: [],
  caches: [],
  exports: {},
};

const file = { source: '/one', at: '/patch', writable: false, digest: 'aa' };

function last(...steps: readonly Partial<MakingStep>[]): string | undefined {
  const all = settled(
    steps.map((step) => ({ ...plain, ...step })),
    { PATH: '/bin' },
  );
  return keysAfter(firstKey('root', 'sources'), all).at(-1);
}

describe('the key of a step', () => {
  test('is that of the root and the sources as well', () => {
    expect(new Set([firstKey('a', 'b'), firstKey('b', 'a'), firstKey('a', 'c')]).size).toBe(3);
    expect(firstKey('a', 'b')).toMatch(/^[0-9a-f]{32}$/);
  });

  test('is another one after every change of what it does, and of what was done before it', () => {
    const changes: readonly Partial<MakingStep>[] = [
      {},
      { argv: ['/bin/sh', '-c', 'false'] },
      { directory: '/' },
      { environment: { A: 'b' } },
      { network: true },
      { binds: [file] },
      { binds: [{ ...file, digest: 'bb' }] },
      { caches: [{ at: '/c', key: 'k', sharing: 'shared' }] },
      { caches: [{ at: '/c', key: 'k', sharing: 'locked' }] },
    ];
    const keys = [...changes.map((change) => last(change)), ...changes.map((change) => last(change, {}))];

    expect(new Set(keys).size).toBe(2 * changes.length);
  });

  test('stays the same where people call it differently, and where its files lie elsewhere', () => {
    expect(last({ title: 'other', position: undefined })).toBe(last({}));
    expect(last({ binds: [{ ...file, source: '/two' }] })).toBe(last({ binds: [file] }));
    expect(last({ environment: { A: '1', B: '2' } })).toBe(last({ environment: { B: '2', A: '1' } }));
  });
});

test('what a step exports is in the environment of those after it, under what they say themselves', () => {
  const steps = [{ exports: { GOMODCACHE: '/m', A: 'exported' } }, { environment: { A: 'own' } }, {}];
  const environments = settled(
    steps.map((step) => ({ ...plain, ...step })),
    { PATH: '/bin', A: 'common' },
  ).map(({ environment }) => environment);

  expect(environments).toEqual([
    { PATH: '/bin', A: 'common' },
    { PATH: '/bin', GOMODCACHE: '/m', A: 'own' },
    { PATH: '/bin', GOMODCACHE: '/m', A: 'exported' },
  ]);
});
