import { expect, test } from 'vitest';

import {
  isTemplate,
  isUnitName,
  isUnitOf,
  isUntouchable,
  unitPattern,
} from '../../../../src/core/effects/unit-names.ts';

test.each(['a.service', 'a-b_c.timer', 'a@x.service', 'a@.service', 'dev-\\x2d.mount'])('%s is a name', (name) => {
  expect(isUnitName(name)).toBe(true);
});

test.each(['a', '.service', '-a.service', '@.service', 'a*.service', 'a/b.service', 'a b.service', 'a.conf', ''])(
  '%s is none',
  (name) => {
    expect(isUnitName(name)).toBe(false);
  },
);

test('a template stands for its instances, and is none itself', () => {
  expect(isTemplate('a@.service')).toBe(true);
  expect(isTemplate('a@b.service')).toBe(false);
  expect(unitPattern('a@.service')).toBe('a@*.service');
  expect(unitPattern('a.service')).toBe('a.service');
  expect(isUnitOf('a@.service', 'a@b.service')).toBe(true);
  expect(isUnitOf('a@.service', 'ab.service')).toBe(false);
  expect(isUnitOf('a@.service', 'a@b.socket')).toBe(false);
});

test.each([
  'dbus.service',
  'dbus-broker.service',
  'systemd-logind.service',
  'systemd-journald.socket',
  'systemd-journald@x.service',
  'systemd-udevd-kernel.socket',
  'user@1000.service',
  'sysext-agent.service',
  'sysext-agent-health.timer',
  'multi-user.target',
  'init.scope',
  'session-1.scope',
])('%s is never touched', (unit) => {
  expect(isUntouchable(unit)).toBe(true);
});

test.each(['docker.service', 'my-dbus.service', 'systemd-nspawn@x.service', 'nginx.socket'])('%s may be', (unit) => {
  expect(isUntouchable(unit)).toBe(false);
});
