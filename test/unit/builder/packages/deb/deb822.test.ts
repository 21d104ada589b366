import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseStanza, StanzaReader } from '../../../../../src/builder/packages/deb/deb822.ts';

function readInPieces(pieces: readonly string[], wanted: readonly string[]): Record<string, string>[] {
  const stanzas: Record<string, string>[] = [];
  const reader = new StanzaReader(wanted, (stanza) => stanzas.push(Object.fromEntries(stanza)));
  for (const piece of pieces) reader.write(piece);
  reader.end();
  return stanzas;
}

describe('one stanza', () => {
  it('has fields by their names in lower case, folded lines joined', () => {
    const stanza = parseStanza('Suite: stable\nSHA256:\n aa 1 a\n bb 2 b\nDate:  now \n\nSuite: other\n');
    expect(Object.fromEntries(stanza)).toEqual({ suite: 'stable', sha256: '\naa 1 a\nbb 2 b', date: 'now' });
  });

  it('passes over lines that are no field', () => {
    expect(Object.fromEntries(parseStanza('nonsense\nA: 1'))).toEqual({ a: '1' });
  });
});

describe('a stream of stanzas', () => {
  const text = 'Package: a\nTag: x,\n y\nVersion: 1\n\n\nPackage: b\nDescription: says\n Version: 9\nVersion: 2';

  it('keeps the fields that are wanted, and no line of another field', () => {
    expect(readInPieces([text], ['package', 'version', 'tag'])).toEqual([
      { package: 'a', tag: 'x,\ny', version: '1' },
      { package: 'b', version: '2' },
    ]);
  });

  it('reads the same however the text is cut', () => {
    const whole = readInPieces([text], ['package', 'version', 'tag']);
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(text.length), (a, b) => {
        const [first, second] = [Math.min(a, b), Math.max(a, b)];
        const pieces = [text.slice(0, first), text.slice(first, second), text.slice(second)];
        expect(readInPieces(pieces, ['package', 'version', 'tag'])).toEqual(whole);
      }),
    );
  });
});
