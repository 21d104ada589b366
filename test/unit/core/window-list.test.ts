import { expect, test } from 'vitest';

import { windowList } from '../../../src/core/window-list.ts';
import { days } from '../../../src/core/windows.ts';
import { decodeYaml } from '../../../src/core/yaml/document.ts';

function read(text: string): unknown {
  const decoded = decodeYaml(text, 'agent.yml', windowList);
  return decoded.ok
    ? decoded.value
    : decoded.problems.map(({ position: { line, column }, message }) => `${line}:${column}: ${message}`);
}

test('what is left out is every day, all day, where the host is', () => {
  expect(read('- {}')).toEqual([{ days: [...days], from: 0, to: 1440 }]);
});

test('times may pass midnight', () => {
  expect(read('- {days: [fri, sat], from: 22:30, to: 04:00, zone: Europe/Berlin}')).toEqual([
    { days: ['fri', 'sat'], from: 1350, to: 240, zone: 'Europe/Berlin' },
  ]);
});

test('hosts are spread over as long as it is said, so that it is open to each for some time', () => {
  expect(read('- {from: 22:00, to: 04:00, spread: 1h30m}')).toMatchObject([{ spread: 5_400_000 }]);
  expect(read('- {from: 22:00, to: 04:00, spread: 6h}')).toEqual([
    '1:3: it is over before it is open to the last host',
  ]);
});

test.each([
  ['- {from: 02:00, to: 02:00}', '1:3: it ends when it begins: leave `from` and `to` out for whole days'],
  ['- {from: 2:00}', '1:10: "2:00" is no time of day such as 02:30'],
  ['- {from: 120}', '1:10: "120" is no time of day such as 02:30'],
  ['- {from: 24:00}', '1:10: a day ends at 24:00: it cannot begin then'],
  ['- {zone: Europe/Berlinn}', '1:10: there is no time zone "Europe/Berlinn": its name is one such as Europe/Berlin'],
  ['- {days: []}', '1:10: it would never be open: name a day, or leave the field out for all days'],
  ['- {day: [sat]}', '1:4: unknown field "day", did you mean "days"?'],
])('%s: %s', (text, expected) => {
  expect(read(text)).toEqual([expected]);
});
