import { expect, test } from 'vitest';

import { ofThisHost } from '../../../../src/core/verified-image.ts';
import type { Wish } from '../../../../src/agent/fleet/configuration.ts';
import type { FleetVerdict } from '../../../../src/agent/fleet/decision.ts';
import { owned, wantedSet } from '../../../../src/agent/fleet/desired.ts';
import type { FleetOwner } from '../../../../src/agent/owner.ts';
import type { InstalledExtension } from '../../../../src/agent/records.ts';
import type { Coming } from '../../../../src/agent/arrivals.ts';
import { defaultLimits, type HealthCheck } from '../../../../src/core/health.ts';

const now = new Date(0);

const fleet = (...files: readonly string[]): FleetOwner => ({ kind: 'fleet', files, definition: 'jq.raw' });

function installed(name: string, more: Partial<InstalledExtension> = {}): InstalledExtension {
  const image = { sha256: `${name}-old`, size: 1, kind: 'raw', source: 'there', release: '' } as const;
  return { name, version: '1', ...image, installedAt: now, allowed: [], ...more };
}

function check(name: string, by: string): HealthCheck {
  return { name, probe: { kind: 'unit', unit: `${name}.service` }, ...defaultLimits, by };
}

const wish: Wish = { source: { kind: 'image', path: '/jq.raw' }, args: {}, allow: [], health: [], hold: false };

/** The image of an extension that comes. */
function coming(name: string): Coming {
  const request = { ...ofThisHost(`/${name}.raw`), source: `/${name}.raw` };
  const candidate = { request, path: request.path, name, version: '2', entries: [], release: undefined };
  const image = { kind: 'raw', sha256: `${name}-new`, size: 2 } as const;
  return { candidate, judgement: { allowed: [], refused: [], told: [] }, image } as unknown as Coming;
}

/** What becomes of the set, as `name sha256 owner`. */
function become(before: readonly InstalledExtension[], verdicts: readonly FleetVerdict[], arrived: readonly Coming[]) {
  const { extensions, named } = wantedSet(before, verdicts, arrived, now);
  const shown = owned(extensions).map(({ name, owner }) => {
    const { sha256 } = extensions.find((extension) => extension.name === name)!;
    return `${name} ${sha256} ${owner.kind === 'fleet' ? owner.files.join() : owner.kind}`;
  });
  return { shown, named };
}

test('what comes, is replaced and goes is named; the rest stays as it is', () => {
  const before = [installed('gone', { owner: fleet('1.yml') }), installed('jq'), installed('mine')];
  const verdicts: FleetVerdict[] = [
    { name: 'gone', action: 'remove', reason: '' },
    { name: 'jq', action: 'replace', reason: '', wish, owner: fleet('50.yml') },
    { name: 'mine', action: 'leave', reason: '' },
    { name: 'new', action: 'install', reason: '', wish, owner: fleet('60.yml') },
  ];

  expect(become(before, verdicts, [coming('jq'), coming('new')])).toEqual({
    shown: ['jq jq-new 50.yml', 'mine mine-old person', 'new new-new 60.yml'],
    named: ['gone', 'jq', 'new'],
  });
});

test('what could not be got changes nothing', () => {
  const verdicts: FleetVerdict[] = [
    { name: 'jq', action: 'replace', reason: '', wish, owner: fleet('50.yml') },
    { name: 'new', action: 'install', reason: '', wish, owner: fleet('60.yml') },
  ];

  expect(become([installed('jq', { owner: fleet('1.yml') })], verdicts, [])).toEqual({
    shown: ['jq jq-old 1.yml'],
    named: [],
  });
});

test('what is kept has the owner and the health checks of now, with those of its spec', () => {
  const health = [check('of-spec', 'x-sysext of jq.yml'), check('before', '/etc/sysext-agent/extensions.d/1.yml')];
  const before = [installed('jq', { owner: fleet('1.yml'), health })];
  const asked = { ...wish, health: [check('now', '/etc/sysext-agent/extensions.d/2.yml')] };
  const verdict = { name: 'jq', action: 'keep', reason: '', wish: asked, owner: fleet('2.yml') } as const;

  const { extensions, named } = wantedSet(before, [verdict], [], now);

  expect(extensions.map(({ owner, health: checks }) => [owner, checks?.map(({ name }) => name)])).toEqual([
    [fleet('2.yml'), ['of-spec', 'now']],
  ]);
  expect(named).toEqual([]);
});
