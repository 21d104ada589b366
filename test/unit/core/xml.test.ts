import fc from 'fast-check';
import { expect, test } from 'vitest';

import { XmlReader } from '../../../src/core/xml.ts';

class Refused extends Error {}

/** What a document says, as one line per event; texts that came in parts are put together. */
function eventsOf(...pieces: readonly string[]): readonly string[] {
  const events: string[] = [];
  const reader = new XmlReader(
    {
      open: (name, attributes) => events.push(`<${name} ${JSON.stringify([...attributes()])}`),
      text: (text) => events.push(text),
      close: (name) => events.push(`>${name}`),
    },
    (why) => new Refused(why),
  );
  for (const piece of pieces) reader.write(piece);
  reader.end();
  return events;
}

const document = `<?xml version="1.0"?>
<r xmlns:p="x"><!-- <b> --><p:a t='>' u="&lt;&#65;&#x42;"/>one &amp; <![CDATA[<two>]]></r>`;

test('elements, attributes, entities, comments and CDATA are read, however the pieces are cut', () => {
  const whole = eventsOf(document);
  expect(whole).toEqual(['<r [["p","x"]]', '<a [["t",">"],["u","<AB"]]', '>a', 'one & ', '<two>', '>r']);
  for (let cut = 0; cut <= document.length; cut++)
    expect(eventsOf(document.slice(0, cut), document.slice(cut))).toEqual(whole);
});

test.each([
  ['document type', '<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>'],
  ['entity', '<r>&a;</r>'],
  ['entity', '<r>&#0;</r>'],
  ['entity', '<r>&amp</r>'],
  ['entity', '<r>&constructor;</r>'],
  ['closes "b"', '<r><a></b></r>'],
  ['ends too early', '<r><a></a>'],
  ['ends too early', '<r'],
  ['ends too early', ''],
  ['second root', '<r/><r/>'],
  ['text outside', '<r/>x <a>'],
  ['attribute is malformed', '<r a=b></r>'],
  ['nested deeper', '<a>'.repeat(100)],
  ['longer than', `<r>${'x'.repeat(2 ** 21)}`],
])('a document is refused: %s', (why, text) => {
  expect(() => eventsOf(text)).toThrow(why);
  expect(() => eventsOf(text)).toThrow(Refused);
});

test('whatever the text is, it is read or refused', () => {
  const piece = fc.constantFrom(
    '<',
    '>',
    '/',
    'a',
    '"',
    "'",
    '=',
    ' ',
    '&',
    ';',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<?',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      try {
        eventsOf(`<r>${pieces.join('')}</r>`);
      } catch (error) {
        expect(error).toBeInstanceOf(Refused);
      }
    }),
    { numRuns: 1000 },
  );
});
