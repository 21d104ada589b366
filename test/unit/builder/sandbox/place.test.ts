import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { placeIn } from '../../../../src/builder/sandbox/place.ts';

test('a place is looked for in the highest layer that has it, and no link leads out of them', () => {
  const directory = mkdtempSync(join(tmpdir(), 'layers-'));
  try {
    const [lower, upper] = ['lower', 'upper'].map((name) => join(directory, name)) as [string, string];
    mkdirSync(join(lower, 'usr/lib'), { recursive: true });
    mkdirSync(join(upper, 'etc'), { recursive: true });
    symlinkSync('usr/lib', join(lower, 'lib'));
    symlinkSync('../../../../etc', join(lower, 'out'));
    symlinkSync('/somewhere', join(lower, 'etc'));
    symlinkSync('/etc', join(upper, 'led'));

    const layers = [lower, upper];
    expect(placeIn(layers, '/lib/x')).toBe('/usr/lib/x');
    expect(placeIn(layers, '/out/passwd')).toBe('/etc/passwd');
    expect(placeIn(layers, '/etc/passwd')).toBe('/etc/passwd');
    expect(placeIn(layers, '/led/cache')).toBe('/etc/cache');
    expect(placeIn([lower], '/etc/x')).toBe('/somewhere/x');
  } finally {
    rmSync(directory, { recursive: true });
  }
});
