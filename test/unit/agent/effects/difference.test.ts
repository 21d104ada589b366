import { expect, test } from 'vitest';

import { differenceOf } from '../../../../src/agent/effects/difference.ts';
import { plan, type Desired, type PlanInput } from '../../../../src/agent/plan.ts';
import type { InstalledExtension } from '../../../../src/agent/records.ts';
import { parseSystemdVersion } from '../../../../src/core/systemd-version.ts';

const now = new Date('2026-01-02T03:04:05Z');

function extension(name: string, version = '1'): InstalledExtension {
  const known = { size: 1, kind: 'raw' as const, source: '/srv', release: 'ID=_any\n', installedAt: now, allowed: [] };
  return { name, version, sha256: `${name}${version}`, ...known };
}

const [a, a2, b] = [extension('a'), extension('a', '2'), extension('b')];

interface Scene {
  readonly recorded?: readonly InstalledExtension[];
  readonly merged?: readonly string[];
  readonly foreign?: readonly string[];
  readonly desired?: Partial<Desired>;
}

/** What goes and what comes, in short: `a1` for ours, the name for a foreign one. */
function short({ recorded = [], merged = [], foreign = [], desired = {} }: Scene): Record<string, string[]> {
  const pathOf = (name: string) => `/var/lib/extensions/${name}.raw`;
  const found = [...recorded.map(({ name }) => name), ...foreign].map((name) => ({
    image: { name, kind: 'raw' as const, path: pathOf(name), realPath: pathOf(name) },
    verdict: { outcome: 'merges' as const, hierarchies: ['usr'] },
  }));
  const input: PlanInput = {
    desired: { merge: { verb: 'refresh', options: {} }, ...desired },
    observed: {
      host: {
        fields: { ID: 'debian' },
        scope: 'system',
        architecture: 'x86-64',
        systemd: parseSystemdVersion('systemd 257 (257.13)')!,
      },
      images: found,
      ours: recorded.map(({ name, sha256, kind }) => ({ name, sha256, kind, path: pathOf(name) })),
      occupied: new Map(),
      shadowing: new Map(),
      stored: new Set([a, a2, b].map(({ sha256 }) => sha256)),
      masks: [],
      hierarchies: [{ hierarchy: '/usr', extensions: merged }],
      bootUnit: undefined,
      healthChecks: [],
    },
    recorded: { extensions: recorded, held: [], bad: [] },
    policy: { maskForeign: true },
    now,
  };
  const { leaving, coming } = differenceOf(input, plan(input));
  const names = (images: typeof leaving) => images.map(({ name, ours }) => ours?.sha256 ?? name);
  return { leaving: names(leaving), coming: names(coming) };
}

test.each<[string, Scene, readonly string[], readonly string[]]>([
  ['nothing new', { recorded: [a], merged: ['a'] }, [], []],
  ['one more', { recorded: [a], merged: ['a'], desired: { extensions: [a, b] } }, [], ['b1']],
  ['one less', { recorded: [a, b], merged: ['a', 'b'], desired: { extensions: [b] } }, ['a1'], []],
  ['another version', { recorded: [a], merged: ['a'], desired: { extensions: [a2] } }, ['a1'], ['a2']],
  ['what was not merged', { recorded: [a], merged: [] }, [], ['a1']],
  ['less of what was not merged', { recorded: [a], merged: [], desired: { extensions: [] } }, ['a1'], []],
  ['a foreign one that is new', { foreign: ['x'] }, [], ['x']],
  ['a foreign one that is gone', { merged: ['x'] }, ['x'], []],
  [
    'unmerge',
    { recorded: [a], merged: ['a', 'x'], foreign: ['x'], desired: { merge: { verb: 'unmerge', options: {} } } },
    ['a1', 'x'],
    [],
  ],
])('%s', (_, scene, leaving, coming) => {
  expect(short(scene)).toEqual({ leaving, coming });
});

test('without a merge nothing goes or comes', () => {
  const merge = { verb: 'refresh' as const, options: {}, ifNeeded: true };

  expect(short({ recorded: [a], merged: ['a'], desired: { extensions: [a], merge } })).toEqual({
    leaving: [],
    coming: [],
  });
});
