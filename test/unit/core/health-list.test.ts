import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { healthList } from '../../../src/core/health-list.ts';
import { decode } from './yaml/decode.ts';

const limits = { timeout: 60_000, retries: 0, interval: 1000 };

test('checks are commands and units, with limits', () => {
  const text = `
- command: [curl, --max-time, 5, 'http://localhost/']
- {unit: web.service, name: the server, timeout: 10s, retries: 3, interval: 500ms}
- command: [/usr/bin/true]
  retries:
- prepare: [web, --self-test]
`;

  expect(decode(text, healthList)).toEqual([
    {
      name: 'curl --max-time 5 http://localhost/',
      probe: { kind: 'command', command: ['curl', '--max-time', '5', 'http://localhost/'] },
      ...limits,
    },
    {
      name: 'the server',
      probe: { kind: 'unit', unit: 'web.service' },
      timeout: 10_000,
      retries: 3,
      interval: 500,
    },
    { name: '/usr/bin/true', probe: { kind: 'command', command: ['/usr/bin/true'] }, ...limits },
    { name: 'web --self-test', probe: { kind: 'prepare', command: ['web', '--self-test'] }, ...limits },
  ]);
  expect(decode('', healthList)).toEqual([]);
});

test('no input makes the reading throw', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      decode(text, healthList);
      decode(`[{command: ${text}}, {unit: ${text}, timeout: ${text}, retries: ${text}, name: ${text}}]`, healthList);
    }),
  );
});

describe('a check that is wrong is refused with its place', () => {
  test.each([
    ['- {}', '1:3: [0]: a check has one of command, prepare and unit'],
    ['- {command: [true], unit: a.service}', '1:3: [0]: a check has one of command, prepare and unit'],
    ['- {command: [true], prepare: [true]}', '1:3: [0]: a check has one of command, prepare and unit'],
    ['- prepare: [./check]', '1:13: [0].prepare[0]: "./check" must be an absolute path, or a name without a slash'],
    ['- command: curl localhost', '1:12: [0].command: expected a list such as ["curl localhost"], found the text'],
    ['- command: []', '1:12: [0].command: a command needs a program'],
    ['- command: ["", x]', '1:13: [0].command[0]: the program has no name'],
    ['- command: [./check]', '1:13: [0].command[0]: "./check" must be an absolute path, or a name without a slash'],
    ['- command: [sh, "a\\0b"]', '1:17: [0].command[1]: an argument cannot have a NUL character in it'],
    ['- unit: web', '1:9: [0].unit: "web" is no name of a unit such as web.service'],
    ['- unit: -H.service', '1:9: [0].unit: "-H.service" is no name of a unit'],
    ['- unit: a@.service', '1:9: [0].unit: "a@.service" is a template: name an instance of it'],
    ['- {unit: a.service, timeout: 5}', '1:30: [0].timeout: "5" is no duration such as 10s or 1m30s'],
    ['- {unit: a.service, timeout: 0s}', '1:30: [0].timeout: a check needs some time'],
    ['- {unit: a.service, interval: 2h}', '1:31: [0].interval: more than 1h is too long'],
    ['- {unit: a.service, retries: 101}', '1:30: [0].retries: between 0 and 100 retries are possible'],
    ['- {unit: a.service, retries: -1}', '1:30: [0].retries: between 0 and 100 retries are possible'],
    ['- {unit: a.service, name: ""}', '1:27: [0].name: a name has between 1 and 80 characters'],
    ['- {unit: a.service, name: "a\\nb"}', '1:27: [0].name: a name cannot have control characters in it'],
    ['- {unit: a.service, timout: 5s}', '1:21: [0]: unknown field "timout", did you mean "timeout"?'],
    ['{unit: a.service}', '1:1: expected a list, found a map'],
  ])('%s', (text, problem) => {
    expect(decode(text, healthList)).toEqual([expect.stringContaining(`a.yml:${problem}`)]);
  });
});
