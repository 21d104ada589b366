import { expect, test } from 'vitest';

import { chooseDriver, type DriverFacts } from '../../../../src/systemd/drivers/choice.ts';

const able: DriverFacts = { root: '/', kernel: '6.12.41-amd64', program: '/usr/lib/sysext-agent/sysext-agent-swap' };

test('a host that can swap does, and says why', () => {
  expect(chooseDriver('auto', able)).toEqual({
    driver: 'atomic',
    why: 'Linux 6.12.41-amd64 mounts beneath what is mounted',
  });
});

test.each([
  ['6.5.0', 'atomic'],
  ['6.10-rc1', 'atomic'],
  ['7.0', 'atomic'],
  ['6.4.16', 'refresh'],
  ['5.15.0-91-generic', 'refresh'],
  ['', 'refresh'],
])('Linux %s: %s', (kernel, driver) => {
  expect(chooseDriver('auto', { ...able, kernel }).driver).toBe(driver);
});

test.each([
  [{ kernel: '6.1.0' }, 'Linux 6.1.0 cannot mount beneath what is mounted: 6.5 can'],
  [{ program: undefined }, 'sysext-agent-swap is not installed beside this program'],
  [{ mutable: '/var/lib/extensions.mutable/usr' }, 'what is merged can be written to: /var/lib/extensions.mutable/usr'],
])('with %j it refreshes; where only atomic is allowed it does nothing', (facts, why) => {
  expect(chooseDriver('auto', { ...able, ...facts })).toEqual({ driver: 'refresh', why });
  expect(chooseDriver('atomic', { ...able, ...facts })).toEqual({ driver: 'atomic', why, impossible: true });
});

test('the configuration can have it refreshed, and another root always is', () => {
  expect(chooseDriver('refresh', able)).toEqual({ driver: 'refresh', why: 'merge.driver says so' });
  expect(chooseDriver('atomic', { ...able, root: '/mnt' }).driver).toBe('refresh');
});
