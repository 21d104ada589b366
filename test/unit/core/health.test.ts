import { describe, expect, test } from 'vitest';

import { checkTitle, describeCheck, lastLines, nameOfProbe, type HealthCheck } from '../../../src/core/health.ts';

describe('the end of what a program printed', () => {
  test('is its last lines', () => {
    expect(lastLines(Array.from({ length: 20 }, (_, index) => `line ${index}`).join('\n'))).toEqual([
      'line 12',
      'line 13',
      'line 14',
      'line 15',
      'line 16',
      'line 17',
      'line 18',
      'line 19',
    ]);
    expect(lastLines('\n \n')).toEqual([]);
  });

  test('has nothing in it that a terminal would act on', () => {
    expect(lastLines('\u001b[2J\tred\u202e\r\n10%\r20%\n\u0000')).toEqual([
      '\\u{1b}[2J    red\\u{202e}',
      '10%',
      '20%',
      '\\u{0}',
    ]);
  });

  test('has no line that is too long to read', () => {
    expect(lastLines('x'.repeat(9999))).toEqual([`${'x'.repeat(240)}…`]);
  });
});

test('a check without a name is called by what it does', () => {
  expect(nameOfProbe({ kind: 'program', path: '/etc/sysext-agent/health.d/50-web' })).toBe('50-web');
  expect(nameOfProbe({ kind: 'unit', unit: 'web.service' })).toBe('web.service');
  expect(nameOfProbe({ kind: 'command', command: ['curl', '\u001b', 'x'.repeat(99)] })).toBe(
    `curl \\u{1b} ${'x'.repeat(48)}…`,
  );
});

test('a check is told with whose it is and what it does', () => {
  const limits = { timeout: 1000, retries: 0, interval: 0 };
  const host: HealthCheck = { name: 'dns', probe: { kind: 'unit', unit: 'a.service' }, ...limits, by: '/etc/x.yml' };
  const web: HealthCheck = {
    ...host,
    name: 'http',
    probe: { kind: 'command', command: ['curl', 'localhost'] },
    by: 'x-sysext of web.yml',
    extension: 'web',
  };

  expect(checkTitle(host)).toBe('dns (/etc/x.yml)');
  expect(describeCheck(host)).toBe('run the health check dns (/etc/x.yml): a.service');
  expect(describeCheck({ ...host, name: 'a.service' })).toBe('run the health check a.service (/etc/x.yml)');
  expect(describeCheck(web)).toBe('run the health check http of web (x-sysext of web.yml): curl localhost');
});
