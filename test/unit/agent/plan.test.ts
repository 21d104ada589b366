import { describe, expect, test } from 'vitest';

import {
  plan,
  type Desired,
  type Observed,
  type Plan,
  type PlanInput,
  type Recorded,
} from '../../../src/agent/plan.ts';
import type { InstalledExtension } from '../../../src/agent/records.ts';
import { checkTitle, type HealthCheck } from '../../../src/core/health.ts';
import { parseSystemdVersion } from '../../../src/core/systemd-version.ts';
import type { JudgedImage, Verdict } from '../../../src/systemd/verdicts.ts';

const now = new Date('2026-01-02T03:04:05Z');

function extension(name: string, version = '1', release = 'ID=_any\n'): InstalledExtension {
  const source = `/srv/${name}.raw`;
  return {
    name,
    version,
    sha256: `${name}${version}`,
    size: 1,
    kind: 'raw',
    source,
    release,
    installedAt: now,
    allowed: [],
  };
}

const merges: Verdict = { outcome: 'merges', hierarchies: ['usr'] };
const stops: Verdict = { outcome: 'stops', reason: 'it is no image' };

function found(path: string, verdict: Verdict = merges): JudgedImage {
  const name = path.replace(/.*\//, '').replace(/\.raw$/, '');
  return { image: { name, kind: 'raw', path, realPath: path }, verdict };
}

/** A host where these extensions of ours are in place and merged. */
function hostWith(...extensions: readonly InstalledExtension[]): Observed {
  const ours = extensions.map(({ name, kind, sha256 }) => ({ name, kind, sha256, path: entry(name) }));
  return {
    host: {
      fields: { ID: 'debian', VERSION_ID: '13' },
      scope: 'system',
      architecture: 'x86-64',
      systemd: parseSystemdVersion('systemd 257 (257.13)')!,
    },
    images: ours.map(({ path }) => found(path)),
    ours,
    occupied: new Map(),
    shadowing: new Map(),
    stored: new Set(extensions.map(({ sha256 }) => sha256)),
    masks: [],
    hierarchies: [{ hierarchy: '/usr', extensions: extensions.map(({ name }) => name), since: now }],
    bootUnit: 'enabled',
    healthChecks: [],
  };
}

function entry(name: string): string {
  return `/var/lib/extensions/${name}.raw`;
}

interface Scene {
  readonly desired: Partial<Desired>;
  readonly observed: Observed;
  readonly recorded?: Partial<Recorded>;
  readonly maskForeign?: boolean;
}

function planOf({ desired, observed, recorded = {}, maskForeign = true }: Scene): Plan {
  const input: PlanInput = {
    desired: { merge: { verb: 'refresh', options: {}, ifNeeded: true }, ...desired },
    observed,
    recorded: { extensions: [], held: [], bad: [], ...recorded },
    policy: { maskForeign },
    now,
  };
  return plan(input);
}

/** Steps in short: `place a`. */
function short({ steps }: Plan): string[] {
  return steps.map((step) => {
    if ('extension' in step) return `${step.kind} ${step.extension.name}`;
    if ('mask' in step) return `${step.kind} ${step.mask.at}`;
    if (step.kind === 'confirm') return `confirm ${checkTitle(step.check)}`;
    if (step.kind === 'enable') return `enable ${step.unit}`;
    return step.kind === 'merge' ? step.verb : step.kind;
  });
}

function verdictOf({ verdicts }: Plan, name: string): unknown {
  return verdicts.find((verdict) => verdict.name === name);
}

const [a, a2, b] = [extension('a'), extension('a', '2'), extension('b')];
const sources = new Map([[a2.sha256, '/srv/a.raw']]);

describe('the set that is desired', () => {
  test('is there already: nothing is done', () => {
    const result = planOf({
      desired: { extensions: [a, b] },
      observed: hostWith(a, b),
      recorded: { extensions: [a, b] },
    });

    expect(result).toMatchObject({ steps: [], warnings: [], refusals: [], extensions: [a, b] });
    expect(result.verdicts).toEqual([
      { name: 'a', merged: true, reason: 'it fits every system' },
      { name: 'b', merged: true, reason: 'it fits every system' },
    ]);
  });

  test('has another image: it is staged from its source, then put in the place of the one before', () => {
    const result = planOf({
      desired: { extensions: [a2, b], sources, named: ['a'] },
      observed: hostWith(a, b),
      recorded: { extensions: [a, b] },
    });

    expect(short(result)).toEqual(['stage a', 'place a', 'refresh']);
    expect(result.steps[1]).toMatchObject({
      extension: { sha256: 'a2' },
      previous: { sha256: 'a1' },
      reason: 'another image of it is in place',
    });
  });

  test('has an image that was kept: it is compared with its digest instead', () => {
    const observed = { ...hostWith(a2), stored: new Set(['a1', 'a2']) };

    expect(short(planOf({ desired: { extensions: [a], named: ['a'] }, observed }))).toEqual([
      'verify a',
      'place a',
      'refresh',
    ]);
  });

  test('lacks one: it goes out of sight before others come', () => {
    const observed = { ...hostWith(a), bootUnit: 'disabled' };
    const desired = { extensions: [b], sources: new Map([['b1', '/srv/b.raw']]) };

    expect(short(planOf({ desired, observed, recorded: { extensions: [a] } }))).toEqual([
      'stage b',
      'withdraw a',
      'place b',
      'enable systemd-sysext.service',
      'refresh',
    ]);
  });

  test('was left by a killed operation with an entry of ours that no one recorded: that goes', () => {
    expect(short(planOf({ desired: { extensions: [b] }, observed: hostWith(a, b) }))).toEqual([
      'withdraw a',
      'refresh',
    ]);
  });

  test('is not what is merged: it is merged', () => {
    const observed = { ...hostWith(a), hierarchies: [{ hierarchy: '/usr', extensions: [] }] };

    expect(planOf({ desired: { extensions: [a] }, observed }).steps).toEqual([
      { kind: 'merge', verb: 'refresh', options: {}, reason: 'what is merged is not what is desired' },
    ]);
  });

  test('changes a directory: systemd from 260 on must be told', () => {
    const tree = { ...a, kind: 'directory' } as const;
    const desired = { extensions: [tree], sources: new Map([['a1', '/srv/a']]) };

    expect(planOf({ desired, observed: hostWith() }).steps.at(-1)).toMatchObject({ options: { alwaysRefresh: true } });
  });
});

describe('what must not be done', () => {
  test('a held extension that is named is a reason to do nothing', () => {
    const result = planOf({
      desired: { extensions: [a2], sources, named: ['a'] },
      observed: hostWith(a),
      recorded: { extensions: [a], held: ['a'] },
    });

    expect(result.refusals).toMatchObject([{ code: 'held', message: 'a is held at 1' }]);
  });

  test('so is one whose image tells no version', () => {
    const nameless = { ...a, version: '' };

    const result = planOf({
      desired: { extensions: [a2], sources, named: ['a'] },
      observed: hostWith(nameless),
      recorded: { extensions: [nameless], held: ['a'] },
    });

    expect(result.refusals).toMatchObject([{ code: 'held', message: 'a is held at the image that it has' }]);
  });

  test('one that is not named stays, and that is told', () => {
    const result = planOf({
      desired: { extensions: [b], sources: new Map([['b1', '/srv/b.raw']]), named: ['b'] },
      observed: hostWith(a),
      recorded: { extensions: [a], held: ['a'] },
    });

    expect(short(result)).toEqual(['stage b', 'place b', 'refresh']);
    expect(result).toMatchObject({ refusals: [], warnings: ['a is held: it stays at 1'], extensions: [a, b] });
  });

  test('what does not fit this host is refused by name, and else only told', () => {
    const old = extension('old', '1', 'ID=debian\nVERSION_ID=12\n');
    const scene = { observed: hostWith(old), recorded: { extensions: [old] } };

    expect(planOf({ ...scene, desired: { extensions: [old], named: ['old'] } }).refusals).toMatchObject([
      { code: 'incompatible', details: { facts: ['field: VERSION_ID', 'expected: 13', 'found: 12'] } },
    ]);
    const told = planOf({ ...scene, desired: { extensions: [old] } });
    expect(told.refusals).toEqual([]);
    expect(verdictOf(told, 'old')).toMatchObject({ merged: false, reason: expect.stringContaining('VERSION_ID=12') });
  });

  test('an image that is gone is refused by name, and else only told', () => {
    const desired = { extensions: [a] };

    expect(planOf({ desired: { ...desired, named: ['a'] }, observed: hostWith() }).refusals).toMatchObject([
      { code: 'no-such-file', message: 'the image of a 1 is no longer in the store' },
    ]);
    const told = planOf({ desired, observed: hostWith() });
    expect([short(told), verdictOf(told, 'a')]).toEqual([
      [],
      { name: 'a', merged: false, reason: 'its image is gone' },
    ]);
  });

  test.each(['occupied', 'shadowing'] as const)('what is not ours and %s is in the way', (how) => {
    const observed = { ...hostWith(), [how]: new Map([['a', '/etc/extensions/a.raw']]) };

    expect(planOf({ desired: { extensions: [a2], sources, named: ['a'] }, observed }).refusals).toMatchObject([
      { code: 'conflict', message: expect.stringContaining('/etc/extensions/a.raw is in the way') },
    ]);
  });
});

describe('a bad image', () => {
  test('of ours goes out of sight, and the others stay merged', () => {
    const observed = { ...hostWith(a, b), images: [found(entry('a'), stops), found(entry('b'))] };
    const result = planOf({ desired: {}, observed, recorded: { extensions: [a, b] } });

    expect(short(result)).toEqual(['withdraw a', 'refresh']);
    expect(result.quarantined).toEqual([
      { name: 'a', sha256: 'a1', kind: 'damaged', reason: 'it is no image', since: now },
    ]);
    expect(verdictOf(result, 'a')).toEqual({
      name: 'a',
      merged: false,
      reason: 'its image is damaged: it is no image',
    });
    expect(verdictOf(result, 'b')).toMatchObject({ merged: true });
  });

  test('of ours that is known stays out of sight until it comes from its source again', () => {
    const bad = [{ name: 'a', sha256: 'a2', kind: 'damaged', reason: 'cut', since: now }] as const;
    const observed = { ...hostWith(), stored: new Set(['a2']) };

    expect(short(planOf({ desired: { extensions: [a2] }, observed, recorded: { bad } }))).toEqual([]);
    expect(short(planOf({ desired: { extensions: [a2], sources }, observed, recorded: { bad } }))).toEqual([
      'stage a',
      'place a',
      'refresh',
    ]);
  });

  const foreign = { ...hostWith(a), images: [found(entry('a')), found('/var/lib/extensions/bad.raw', stops)] };
  const mask = { name: 'bad', at: '/run/extensions/bad' };

  test('that is not ours is masked, where policy says so', () => {
    const result = planOf({ desired: {}, observed: foreign, recorded: { extensions: [a] } });

    expect(short(result)).toEqual(['mask /run/extensions/bad', 'refresh']);
    expect(verdictOf(result, 'bad')).toMatchObject({ merged: false, reason: expect.stringContaining('it is masked') });
  });

  test('that is not ours is named with the command that takes it out, where policy does not', () => {
    const result = planOf({ desired: {}, observed: foreign, recorded: { extensions: [a] }, maskForeign: false });

    expect(result.refusals).toMatchObject([
      { code: 'merge-failed', details: { next: expect.stringContaining('mv /var') } },
    ]);
    expect(verdictOf(result, 'a')).toMatchObject({
      merged: false,
      reason: '/var/lib/extensions/bad.raw stops every merge',
    });
  });

  test('that is a link to itself cannot be masked: nothing is done, and the command that takes it out is named', () => {
    const { image } = found('/var/lib/extensions/bad.raw');
    const link: JudgedImage = {
      image: { ...image, name: 'bad.raw', kind: 'obstructed', obstacle: 'it leads in a circle' },
      verdict: { outcome: 'stops', reason: 'it leads in a circle' },
    };
    const observed = { ...foreign, images: [found(entry('a')), link] };

    const { steps, refusals } = planOf({ desired: {}, observed, recorded: { extensions: [a] } });

    expect(steps.some(({ kind }) => kind === 'mask')).toBe(false);
    expect(refusals).toEqual([
      expect.objectContaining({
        code: 'merge-failed',
        details: {
          facts: ['/var/lib/extensions/bad.raw: it leads in a circle'],
          left: 'Nothing was changed.',
          next: 'Take it out of the way, for example: rm /var/lib/extensions/bad.raw',
        },
      }),
    ]);
  });

  test('in /run is masked in /etc, and in /etc it cannot be', () => {
    const at = (path: string) => ({ ...hostWith(), images: [found(path, stops)] });

    expect(short(planOf({ desired: {}, observed: at('/run/extensions/bad.raw') }))).toEqual([
      'mask /etc/extensions/bad',
      'refresh',
    ]);
    expect(planOf({ desired: {}, observed: at('/etc/extensions/bad.raw') }).refusals).toHaveLength(1);
  });

  test('that is masked already needs nothing, and one that is good again loses its mask', () => {
    const masked = { ...foreign, masks: [mask] };
    const good = { ...masked, images: [found(entry('a')), found('/var/lib/extensions/bad.raw')] };

    expect(short(planOf({ desired: {}, observed: masked, recorded: { extensions: [a] } }))).toEqual([]);
    expect(short(planOf({ desired: {}, observed: good, recorded: { extensions: [a] } }))).toEqual([
      'unmask /run/extensions/bad',
      'refresh',
    ]);
  });

  test('does not matter to an unmerge', () => {
    const desired = { merge: { verb: 'unmerge', options: {} } } as const;

    expect(short(planOf({ desired, observed: foreign, maskForeign: false, recorded: { extensions: [a] } }))).toEqual([
      'unmerge',
    ]);
  });
});

describe('health checks', () => {
  const check = (name: string, more: Partial<HealthCheck> = {}): HealthCheck => {
    const probe = { kind: 'unit', unit: 'a.service' } as const;
    return { name, probe, timeout: 1, retries: 0, interval: 0, by: 'agent.yml', ...more };
  };
  const observed = { ...hostWith(a), healthChecks: [check('net')] };
  const bad = [{ name: 'a', sha256: 'a2', kind: 'unhealthy', reason: 'no net', since: now }] as const;
  const desired = { extensions: [a2], sources, named: ['a'], confirm: true };

  test('come last, where an image comes', () => {
    expect(short(planOf({ desired, observed })).at(-1)).toBe('confirm net (agent.yml)');
    expect(short(planOf({ desired: { ...desired, extensions: [] }, observed }))).toEqual(['withdraw a', 'refresh']);
  });

  test('come where the image is in place already, since there may be others now', () => {
    const again = { ...a, health: [check('new', { by: 'a.yml' })] };

    expect(
      short(planOf({ desired: { ...desired, extensions: [again] }, observed, recorded: { extensions: [a] } })),
    ).toEqual(['confirm net (agent.yml)', 'confirm new of a (a.yml)']);
  });

  test('do not come where nothing is asked of an extension that is merged', () => {
    const apply = { extensions: [a], merge: { verb: 'refresh', options: {} } } as const;

    expect(short(planOf({ desired: apply, observed, recorded: { extensions: [a] } }))).toEqual(['refresh']);
  });

  test('are those of the host, then of every extension that is merged then, by name, whichever of them came', () => {
    const a1 = { ...a, health: [check('spec', { by: 'a.yml' })] };
    const old = { ...extension('old', '1', 'ID=debian\nVERSION_ID=12\n'), health: [check('out', { by: 'old.yml' })] };
    const foreign = found('/var/lib/extensions/zoo.raw');
    const host = hostWith(a1, old);
    const healthChecks = ['zoo', 'b', 'a', 'gone'].map((name) => check('own', { extension: name }));
    const result = planOf({
      desired: { ...desired, extensions: [b, a1, old], sources: new Map([['b1', '/srv/b.raw']]), named: ['b'] },
      observed: { ...host, images: [...host.images, foreign], healthChecks: [...healthChecks, check('net')] },
      recorded: { extensions: [a1, old] },
    });

    expect(short(result).filter((step) => step.startsWith('confirm'))).toEqual([
      'confirm net (agent.yml)',
      'confirm spec of a (a.yml)',
      'confirm own of a (agent.yml)',
      'confirm own of b (agent.yml)',
      'confirm own of zoo (agent.yml)',
    ]);
    expect(result.steps.at(-1)).toMatchObject({ reason: 'zoo must be well with what came' });
  });

  test('for what is prepared go with the merge, and where nothing is merged with the others', () => {
    const early = check('self', { probe: { kind: 'prepare', command: ['a', '--self-test'] } });
    const host = { ...observed, healthChecks: [early, check('net')] };
    const [merge, ...after] = planOf({ desired, observed: host }).steps.slice(-2);

    expect(merge).toMatchObject({ kind: 'merge', inspection: { checks: [early], units: [] } });
    expect(after).toMatchObject([{ kind: 'confirm', check: { name: 'net' } }]);
    expect(
      short(planOf({ desired: { ...desired, extensions: [a] }, observed: host, recorded: { extensions: [a] } })),
    ).toEqual(['confirm self (agent.yml)', 'confirm net (agent.yml)']);
  });

  test('that failed are a reason to refuse the image, unless someone insists', () => {
    expect(planOf({ desired, observed, recorded: { bad } }).refusals).toMatchObject([
      { code: 'rolled-back', exitCode: 9, message: expect.stringMatching(/^a 2 was rolled back on 2026-.*: no net$/) },
    ]);
    expect(planOf({ desired: { ...desired, retry: true }, observed, recorded: { bad } }).refusals).toEqual([]);
  });
});

test('a unit that does not merge at boot and cannot be enabled is told', () => {
  const observed = { ...hostWith(a), bootUnit: 'masked' };

  expect(planOf({ desired: { extensions: [a] }, observed }).warnings).toEqual([
    'extensions will not be merged at boot: systemd-sysext.service is masked',
  ]);
});
