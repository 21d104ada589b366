import fc from 'fast-check';
import { expect, test } from 'vitest';

import { compareBytes, followed, listed, relativeTo, shown } from '../../../../src/builder/tree/paths.ts';

const path = fc.array(fc.constantFrom('a', 'b', 'usr', 'lib'), { maxLength: 5 }).map((parts) => parts.join('/'));

test('a relative link leads where it should', () => {
  fc.assert(
    fc.property(path, path, (directory, to) => {
      expect(followed(directory, relativeTo(directory, to))).toBe(to);
    }),
  );
});

test('texts are ordered as their bytes', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}') });
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    }),
  );
});

test('a name is shown so that it cannot act on a terminal', () => {
  expect(shown('plain ☃')).toBe('"plain ☃"');
  expect(shown('a\u001b[2J\n"\u009b\u202e')).toBe('"a\\u{1b}[2J\\n\\"\\u{9b}\\u{202e}"');
});

test('long lists are cut', () => {
  expect(listed(['a', 'b', 'c'], 2)).toBe('/a, /b, and 1 more');
});
