import { describe, expect, test } from 'vitest';

import { driftOf, remergeReason, type Drift, type DriftInput } from '../../../src/agent/drift.ts';
import type { MergedImage } from '../../../src/agent/merged-images.ts';
import type { Observed } from '../../../src/agent/plan.ts';
import type { InstalledExtension } from '../../../src/agent/records.ts';
import { parseSystemdVersion } from '../../../src/core/systemd-version.ts';
import type { JudgedImage, Verdict } from '../../../src/systemd/verdicts.ts';

const now = new Date('2026-01-02T03:04:05Z');
const merges: Verdict = { outcome: 'merges', hierarchies: ['usr'] };

const a: InstalledExtension = {
  name: 'a',
  version: '1',
  sha256: 'a1',
  size: 1,
  kind: 'raw',
  source: '/srv/a.raw',
  release: 'ID=_any\n',
  installedAt: now,
  allowed: [],
};
const entry = { name: 'a', kind: 'raw', sha256: 'a1', path: '/var/lib/extensions/a.raw' } as const;

function found(path: string, verdict: Verdict = merges): JudgedImage {
  const name = path.replace(/.*\//, '').replace(/\.raw$/, '');
  return { image: { name, kind: 'raw', path, realPath: path }, verdict };
}

/** A host where `a` is in place and merged, but for what differs. */
function observed(differences: Partial<Observed> = {}): Observed {
  return {
    host: {
      fields: { ID: 'debian' },
      scope: 'system',
      architecture: 'x86-64',
      systemd: parseSystemdVersion('systemd 257 (257.13)')!,
    },
    images: [found(entry.path)],
    ours: [entry],
    occupied: new Map(),
    shadowing: new Map(),
    stored: new Set(['a1']),
    masks: [],
    hierarchies: [{ hierarchy: '/usr', extensions: ['a'], since: now }],
    merge: mergedFrom({ name: 'a', known: 'record', current: true }),
    bootUnit: 'enabled',
    healthChecks: [],
    ...differences,
  };
}

function mergedFrom(image: MergedImage, ...byOthers: readonly string[]): NonNullable<Observed['merge']> {
  return { images: [image], byOthers };
}

const unmerged = [{ hierarchy: '/usr', extensions: [] }];

interface Scene extends Partial<Omit<DriftInput, 'recorded'>> {
  readonly recorded?: Partial<DriftInput['recorded']>;
}

function drifts({ recorded = {}, ...scene }: Scene = {}): Drift[] {
  return driftOf({
    observed: observed(),
    verdicts: [{ name: 'a', merged: true, reason: 'it fits' }],
    ...scene,
    recorded: { extensions: [a], held: [], bad: [], ...recorded },
  });
}

test('there is none where all is as recorded', () => {
  expect(drifts()).toEqual([]);
});

type Row = readonly [what: string, scene: Scene, drift: Partial<Drift>];

const bad = { sha256: 'a1', name: 'a', kind: 'unhealthy', reason: 'it hurts', since: now } as const;
const apply = 'sysext-agent apply';

const rows: readonly Row[] = [
  [
    'something else has its place',
    { observed: observed({ occupied: new Map([['a', entry.path]]), ours: [] }) },
    { kind: 'name-taken', remedy: `mv ${entry.path} /var/tmp/ && ${apply}` },
  ],
  [
    'something else comes before it',
    { observed: observed({ shadowing: new Map([['a', '/etc/extensions/a.raw']]) }) },
    { kind: 'name-taken', remedy: `mv /etc/extensions/a.raw /var/tmp/ && ${apply}` },
  ],
  [
    'its image would stop every merge',
    { observed: observed({ images: [found(entry.path, { outcome: 'damaged', reason: 'it is cut' })] }) },
    { kind: 'damaged', remedy: `${apply} && sysext-agent install /srv/a.raw` },
  ],
  [
    'its image is not what was stored',
    { observed: observed({ altered: new Map([[entry.path, 'someone wrote to it']]) }) },
    { kind: 'damaged', sentence: 'the image of a in place is damaged: someone wrote to it; it came from /srv/a.raw' },
  ],
  ['the host was not well with it', { recorded: { bad: [bad] } }, { kind: 'denied', remedy: apply }],
  [
    'it was taken out',
    { observed: observed({ ours: [], images: [], hierarchies: unmerged }), recorded: { bad: [bad] } },
    { kind: 'denied', remedy: 'sysext-agent install /srv/a.raw' },
  ],
  ['its entry is gone', { observed: observed({ ours: [] }) }, { kind: 'entry-missing', remedy: apply }],
  [
    'its entry is gone and its image too',
    { observed: observed({ ours: [], stored: new Set() }) },
    { kind: 'lost', remedy: 'sysext-agent install /srv/a.raw' },
  ],
  [
    'another image of it is in place although it is held',
    { observed: observed({ ours: [{ ...entry, sha256: 'a2' }] }), recorded: { held: ['a'] } },
    { kind: 'other-entry', remedy: apply, sentence: expect.stringContaining('which is held') as string },
  ],
  ['it is not merged', { observed: observed({ hierarchies: unmerged }) }, { kind: 'not-merged', remedy: apply }],
  [
    'it is merged and does not fit any more',
    { verdicts: [{ name: 'a', merged: false, reason: 'it is for VERSION_ID=12' }] },
    { kind: 'misfit-merged', remedy: 'sysext-agent install /srv/a.raw' },
  ],
  [
    'the image that is merged is another one',
    { observed: observed({ merge: mergedFrom({ name: 'a', known: 'origin', current: false }) }) },
    { kind: 'other-image-merged', remedy: apply },
  ],
  [
    'somebody else has merged, and what is not known',
    { observed: observed({ merge: mergedFrom({ name: 'a', known: 'unknown' }, '/usr') }) },
    { kind: 'merged-by-others', subject: '/usr', remedy: apply, harmless: false },
  ],
  [
    'somebody else has merged the same images',
    { observed: observed({ merge: mergedFrom({ name: 'a', known: 'origin', current: true }, '/usr') }) },
    { kind: 'merged-by-others', subject: '/usr', harmless: true },
  ],
  [
    'it is in place and not installed',
    { recorded: { extensions: [] }, verdicts: [] },
    { kind: 'stray-entry', remedy: apply },
  ],
];

describe('there is one where', () => {
  test.each(rows)('%s', (_, scene, drift) => {
    expect(drifts(scene)).toEqual([expect.objectContaining({ subject: 'a', harmless: false, ...drift })]);
  });

  test('something is merged whose image is gone', () => {
    const hierarchies = [{ hierarchy: '/usr', extensions: ['a', 'x'], since: now }];
    const merge = { images: [{ name: 'x', known: 'unknown' }], byOthers: [] } as const;

    expect(drifts({ observed: observed({ hierarchies, merge }) })).toMatchObject([
      { kind: 'image-gone', subject: 'x', remedy: 'sysext-agent refresh' },
    ]);
  });

  test('there is an extension that is not ours: it is only told', () => {
    const path = '/var/lib/extensions/x.raw';
    const verdicts = ['a', 'x'].map((name) => ({ name, merged: true, reason: 'it fits' }));

    expect(drifts({ observed: observed({ images: [found(entry.path), found(path)] }), verdicts })).toMatchObject([
      { kind: 'foreign', subject: 'x', harmless: true, remedy: expect.stringContaining(`mv ${path} /var/tmp/`) },
    ]);
  });
});

describe('what is merged has to be merged again where', () => {
  test('an image is not the one in place', () => {
    expect(remergeReason({ merge: mergedFrom({ name: 'a', known: 'origin', current: false }) })).toContain(
      'image of a',
    );
  });

  test('somebody else has merged what is not known', () => {
    expect(remergeReason({ merge: mergedFrom({ name: 'a', known: 'unknown' }, '/usr') })).toContain('somebody else');
  });

  test('and nowhere else', () => {
    expect(remergeReason({})).toBeUndefined();
    expect(remergeReason({ merge: mergedFrom({ name: 'a', known: 'unknown' }) })).toBeUndefined();
    expect(remergeReason({ merge: mergedFrom({ name: 'a', known: 'origin', current: true }, '/usr') })).toBeUndefined();
  });
});
