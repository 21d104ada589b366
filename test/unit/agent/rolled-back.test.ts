import { describe, expect, test } from 'vitest';

import type { BadImage } from '../../../src/agent/records.ts';
import { isForgiven, rolledBackImages, rolledBackText } from '../../../src/agent/rolled-back.ts';

const bad: BadImage = {
  name: 'web',
  version: '2',
  sha256: 'ab',
  kind: 'unhealthy',
  reason: 'the health check http failed',
  since: new Date('2026-01-02T03:04:05Z'),
};

test('an image that was rolled back is told by its version, or by its digest', () => {
  expect(rolledBackText(bad)).toBe(
    '2 was rolled back on 2026-01-02T03:04:05.000Z: the health check http failed; `install --retry` tries it again',
  );
  expect(rolledBackText({ ...bad, version: '' })).toMatch(/^the image of sha256 ab was rolled back/);
  expect(rolledBackImages([bad, { ...bad, name: 'jq' }, { ...bad, kind: 'damaged' }], 'web')).toEqual([bad]);
});

describe('it is forgiven', () => {
  const came = (version: string, sha256 = 'cd', name = 'web') => isForgiven(bad, { name, sha256, version });

  test('when it comes and stays, or a newer version does', () => {
    expect([came('2', 'ab'), came('3'), came('2.1')]).toEqual([true, true, true]);
  });

  test('not by an older version, one that is unknown, or another extension', () => {
    expect([came('1'), came('2'), came(''), came('3', 'cd', 'jq')]).toEqual([false, false, false, false]);
    expect(isForgiven({ ...bad, version: '' }, { name: 'web', sha256: 'cd', version: '3' })).toBe(false);
    expect(isForgiven({ ...bad, kind: 'damaged' }, { name: 'web', sha256: 'cd', version: '3' })).toBe(false);
  });
});
