import { expect, test } from 'vitest';

import { parseReleaseFields } from '../../../src/core/os-release.ts';

test('reads plain, single-quoted and double-quoted values', () => {
  const text = `ID=debian\nNAME="Debian GNU/Linux"\nVERSION_ID='12'\n`;

  expect(parseReleaseFields(text)).toEqual({ ID: 'debian', NAME: 'Debian GNU/Linux', VERSION_ID: '12' });
});

test('passes over comments, empty lines and lines that assign nothing', () => {
  expect(parseReleaseFields('# a comment\n\n;another\nnonsense\nID=x\n')).toEqual({ ID: 'x' });
});

test('the last assignment of a name wins', () => {
  expect(parseReleaseFields('ID=a\nID=b')).toEqual({ ID: 'b' });
});

test.each([
  [String.raw`A="a \"quoted\" \$word"`, 'a "quoted" $word'],
  [String.raw`A="keeps \n as it is"`, String.raw`keeps \n as it is`],
  [String.raw`A=bare\ with\ spaces`, 'bare with spaces'],
  [`A='one'"two"three`, 'onetwothree'],
  ['A=', ''],
  ['A=""', ''],
  ['A=trailing   ', 'trailing'],
  ['A=a\r', 'a'],
])('unquotes %s', (line, value) => {
  expect(parseReleaseFields(line)['A']).toBe(value);
});
