import { describe, expect, test } from 'vitest';

import type { CopyState, MovingImage, Seen } from '../../../../src/agent/effects/observation.ts';
import { effectsOf } from '../../../../src/agent/effects/planning.ts';
import type { EffectStep } from '../../../../src/agent/effects/steps.ts';
import { describeEffect } from '../../../../src/agent/effects/executors.ts';
import type { InstalledExtension } from '../../../../src/agent/records.ts';
import { noContributions, type Contributions } from '../../../../src/core/effects/contributions.ts';
import type { EtcCopy } from '../../../../src/core/effects/tmpfiles.ts';
import type { UnitState } from '../../../../src/systemd/manager.ts';

const record: InstalledExtension = {
  name: 'a',
  version: '1',
  sha256: 'a1',
  size: 1,
  kind: 'raw',
  source: '/srv/a.raw',
  release: '',
  installedAt: new Date('2026-01-02T03:04:05Z'),
  allowed: [],
};

function image(contributions: Partial<Contributions>, moving: Partial<MovingImage> = {}): MovingImage {
  return { name: 'a', ours: record, changed: true, contributions: { ...noContributions, ...contributions }, ...moving };
}

function unit(name: string, active = 'active', more: Partial<UnitState> = {}): UnitState {
  const fragment = `/usr/lib/systemd/system/${name}`;
  const quiet = { load: 'loaded', sub: 'running', result: 'success', restarts: 0, invocation: '1' };
  return { names: [name], active, fragment, ...quiet, ...more };
}

function seenOf(seen: Partial<Omit<Seen, 'copies'>> & { readonly copies?: Readonly<Record<string, CopyState>> }): Seen {
  const { copies = {}, ...rest } = seen;
  return {
    leaving: [],
    coming: [],
    units: [],
    enabled: [],
    libraryDirectories: [],
    inUse: new Map(),
    ...rest,
    copies: new Map(Object.entries(copies)),
  };
}

const change = { set: true, confirm: true, noReload: false };
const words = (steps: readonly EffectStep[]) => steps.map((step) => describeEffect(step));

const upheld = {
  by: 'multi-user.target',
  unit: 'a.service',
  how: 'upholds',
  file: 'multi-user.target.d/a.conf',
} as const;
const service = { units: ['a.service'], pulls: [upheld], reload: true };
const target = unit('multi-user.target');
const copy: EtcCopy = { to: '/etc/a.conf', kind: 'file', from: 'usr/share/a/etc/a.conf', sha256: 'one' };

test('what touches nothing gives no steps', () => {
  const effects = effectsOf(seenOf({ leaving: [image({})], coming: [image({})] }), change);

  expect(effects).toEqual({ before: [], after: [], settlement: { before: [], after: [] }, warnings: [] });
});

describe('an extension that comes', () => {
  const coming = [image({ ...service, tmpfiles: ['a.conf'], copies: [copy], sysusers: ['a.conf'] })];
  const seen = seenOf({ coming, units: [target], copies: { '/etc/a.conf': 'absent' } });

  test('has its users and files before its service is started, and is taken back in the other order', () => {
    const { before, after, settlement } = effectsOf(seen, change);

    expect(before).toEqual([]);
    expect(words(after)).toEqual([
      'systemd-sysusers a.conf',
      'systemd-tmpfiles --create a.conf',
      'systemctl daemon-reload',
      'systemctl start a.service',
      'see whether units are well: a.service',
    ]);
    expect(words(settlement.before)).toEqual(['stop a.service']);
    expect(settlement.before).toMatchObject([{ withhold: ['multi-user.target.d/a.conf'] }]);
    expect(words(settlement.after)).toEqual(['remove /etc/a.conf', 'systemctl daemon-reload']);
    expect(settlement.after).toMatchObject([{}, { withheld: ['multi-user.target.d/a.conf'] }]);
  });

  test('leaves a file that was there before it where it is taken back', () => {
    const there = seenOf({ coming, units: [target], copies: { '/etc/a.conf': 'unchanged' } });

    expect(words(effectsOf(there, change).settlement.after)).toEqual(['systemctl daemon-reload']);
  });

  test('is not judged by its units where nothing is to be confirmed, and starts none without a reload', () => {
    expect(words(effectsOf(seen, { ...change, confirm: false }).after).at(-1)).toBe('systemctl start a.service');
    expect(words(effectsOf(seen, { ...change, noReload: true }).after)).toEqual([
      'systemd-sysusers a.conf',
      'systemd-tmpfiles --create a.conf',
    ]);
  });

  test.each([
    ['is not active', [unit('multi-user.target', 'inactive')]],
    ['wants what runs already', [target, unit('a.service')]],
    ['wants what is masked', [target, unit('a.service', 'inactive', { load: 'masked' })]],
  ])('starts nothing for a target that %s', (_, units) => {
    expect(words(effectsOf(seenOf({ coming, units }), change).after)).not.toContain('systemctl start a.service');
  });

  test('starts what an administrator has enabled', () => {
    const only = [image({ units: ['a.service'], reload: true })];
    const enabled = [{ ...upheld, how: 'wants' as const }];

    expect(words(effectsOf(seenOf({ coming: only, units: [target], enabled }), change).after)).toContain(
      'systemctl start a.service',
    );
  });
});

describe('an extension that goes', () => {
  const leaving = [image({ ...service, copies: [copy], restart: ['host.service'] })];
  const units = [target, unit('a.service')];

  test('has its service stopped before and its copies removed after, and the manager reloaded', () => {
    const { before, after, settlement } = effectsOf(
      seenOf({ leaving, units, copies: { '/etc/a.conf': 'unchanged' } }),
      {
        ...change,
        confirm: false,
      },
    );

    expect(words(before)).toEqual(['stop a.service']);
    expect(before).toMatchObject([{ withhold: ['multi-user.target.d/a.conf'] }]);
    expect(words(after)).toEqual([
      'remove /etc/a.conf',
      'systemctl daemon-reload',
      'systemctl try-restart host.service',
    ]);
    expect(after).toMatchObject([{}, { withheld: ['multi-user.target.d/a.conf'] }, {}]);
    expect(words(settlement.after)).toEqual(['systemctl daemon-reload', 'systemctl start a.service']);
  });

  test.each([
    [
      'changed',
      ['/etc/a.conf stays, since it was changed after a brought it: remove it yourself where it is not needed'],
    ],
    ['absent', []],
    ['foreign', []],
  ] as const)('leaves a copy that is %s', (state, warnings) => {
    const effects = effectsOf(seenOf({ leaving, copies: { '/etc/a.conf': state } }), change);

    expect(words(effects.after).join()).not.toContain('/etc/a.conf');
    expect(effects.warnings).toEqual(warnings);
  });

  test('only out of the merge keeps its service and its copies', () => {
    const seen = seenOf({ leaving: [image(service, { changed: false })], units });

    expect(effectsOf(seen, { ...change, set: false })).toMatchObject({ before: [], after: [{ kind: 'reload' }] });
  });

  test('leaves what was loaded from a file of someone else', () => {
    const own = unit('a.service', 'active', { fragment: '/etc/systemd/system/a.service' });

    expect(effectsOf(seenOf({ leaving, units: [own] }), change).before).toEqual([]);
  });

  test('has the instances of its templates stopped', () => {
    const template = [image({ units: ['t@.service'], reload: true })];

    expect(words(effectsOf(seenOf({ leaving: template, units: [unit('t@1.service')] }), change).before)).toEqual([
      'stop t@1.service',
    ]);
  });

  test('and was of someone else has nothing stopped', () => {
    const foreign = [image(service, { ours: undefined })];

    expect(effectsOf(seenOf({ leaving: foreign, units }), change).before).toEqual([]);
  });
});

describe('an extension that is replaced', () => {
  const units = [target, unit('a.service')];
  const [leaving, coming] = [[image({ ...service, copies: [copy], tmpfiles: ['a.conf'] })], [image(service)]];

  test('has its service restarted, not stopped, and restarted again where that is taken back', () => {
    const { before, after, settlement } = effectsOf(seenOf({ leaving, coming, units }), change);

    expect(before).toEqual([]);
    expect(words(after)).toEqual([
      'systemctl daemon-reload',
      'systemctl restart a.service',
      'see whether units are well: a.service',
    ]);
    expect(words(settlement.after)).toEqual([
      'systemd-tmpfiles --create a.conf',
      'systemctl daemon-reload',
      'systemctl restart a.service',
    ]);
  });

  test('leaves a service stopped that was stopped', () => {
    expect(words(effectsOf(seenOf({ leaving, coming, units: [target] }), change).after)).toEqual([
      'systemctl daemon-reload',
      'see whether units are well: a.service',
    ]);
  });

  test.each([
    ['one', 'unchanged', [], []],
    ['two', 'unchanged', ['remove /etc/a.conf'], []],
    [
      'two',
      'changed',
      [],
      ['/etc/a.conf stays as it is, since it was changed: a now brings another one, /usr/share/a/etc/a.conf'],
    ],
  ] as const)(
    'has a copy replaced that is another one and was not changed (%s, %s)',
    (sha256, state, steps, warnings) => {
      const fresh = [image({ copies: [{ ...copy, sha256 }] })];
      const old = [image({ copies: [copy] })];

      const effects = effectsOf(seenOf({ leaving: old, coming: fresh, copies: { '/etc/a.conf': state } }), change);

      expect(words(effects.after)).toEqual(steps);
      expect(effects.warnings).toEqual(warnings);
    },
  );
});

test('what the host stands on is named and left alone', () => {
  const { after, warnings } = effectsOf(
    seenOf({ coming: [image({ reload: true, restart: ['dbus.service', 'b.service'] })] }),
    { ...change, confirm: false },
  );

  expect(words(after)).toEqual(['systemctl daemon-reload', 'systemctl restart b.service']);
  expect(warnings).toEqual(['dbus.service is left as it runs: only a reboot brings it to what is merged now']);
});

test('a service of the host that uses a file that changes is named, one that is restarted is not', () => {
  const inUse = new Map([
    ['cron.service', '/usr/lib/liba.so'],
    ['a.service', '/usr/bin/a'],
  ]);
  const seen = seenOf({ leaving: [image(service)], coming: [image(service)], units: [unit('a.service')], inUse });

  expect(effectsOf(seen, change).warnings).toEqual([
    'cron.service runs with the /usr/lib/liba.so that was there before: systemctl restart cron.service',
  ]);
});

test('caches are made again where an image has what they are made of, on both ways', () => {
  const files = {
    libraryDirectories: ['/usr/lib'],
    hwdb: true,
    udevRules: true,
    bus: true,
    kernels: ['6.12'],
  };
  const steps = ['ldconfig', 'systemd-hwdb update', 'depmod 6.12', 'udevadm control --reload'];
  const all = [...steps, 'have the system bus read its configuration again'];

  expect(words(effectsOf(seenOf({ leaving: [image(files)] }), change).after)).toEqual(all);
  expect(words(effectsOf(seenOf({ coming: [image(files)] }), change).after)).toEqual(all);
  const elsewhere = seenOf({ coming: [image({ libraryDirectories: ['/usr/lib/a'] })] });
  expect(effectsOf(elsewhere, change).after).toEqual([]);
  expect(words(effectsOf({ ...elsewhere, libraryDirectories: ['/lib/a'] }, change).after)).toEqual(['ldconfig']);
});
