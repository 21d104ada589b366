import fc from 'fast-check';
import { expect, test } from 'vitest';

import { isPinned, parseImageReference } from '../../../src/core/image-reference.ts';

const digest = `sha256:${'0a'.repeat(32)}`;

test.each([
  ['oci://registry.example.org/tools/jq', { registry: 'registry.example.org', repository: 'tools/jq' }, false],
  ['oci://localhost:5000/jq:1.7', { registry: 'localhost:5000', repository: 'jq', tag: '1.7' }, true],
  ['oci://[::1]:5000/a__b/c-d.e:v1', { registry: '[::1]:5000', repository: 'a__b/c-d.e', tag: 'v1' }, true],
  [`oci://r.example/jq@${digest}`, { registry: 'r.example', repository: 'jq', digest }, true],
  [`oci://r.example/jq:1@${digest}`, { registry: 'r.example', repository: 'jq', tag: '1', digest }, true],
])('%s is an image in a registry', (text, parts, pinned) => {
  const reference = parseImageReference(text);

  expect(reference).toEqual({ value: { kind: 'oci', text, ...parts } });
  expect('value' in reference && isPinned(reference.value)).toBe(pinned);
});

test.each(['https://files.example.org/jq.raw', 'https://files.example.org:8443/jq/?v=1'])(
  '%s is an address',
  (text) => {
    expect(parseImageReference(text)).toEqual({ value: { kind: 'https', text } });
  },
);

test.each([
  ['', '"" begins with neither oci:// nor https://'],
  ['registry.example.org/jq', 'begins with neither oci:// nor https://'],
  ['/srv/jq.raw', 'begins with neither'],
  ['http://files.example.org/jq.raw', 'use https://'],
  ['oci://', 'expected oci://HOST/NAME'],
  ['oci://registry.example.org', 'expected oci://HOST/NAME'],
  ['oci://registry.example.org/', 'expected oci://HOST/NAME'],
  ['oci://user:pw@registry.example.org/jq', 'expected oci://HOST/NAME'],
  ['oci://registry.example.org/JQ', '"JQ" is no name in a registry'],
  ['oci://registry.example.org/a//b', '"a//b" is no name'],
  ['oci://registry.example.org/../b', '"../b" is no name'],
  ['oci://registry.example.org/jq:', '"" is no tag'],
  ['oci://registry.example.org/jq:1+2', '"1+2" is no tag'],
  ['oci://registry.example.org/jq@sha256:12', '"sha256:12" is no digest'],
  ['oci://registry.example.org/jq@sha512:12', 'is no digest'],
  ['https://', '"https://" is no address'],
  ['https://a b/', 'no white space'],
  ['https://user:secret@files.example.org/jq.raw', 'must not have a user or password'],
  ['https://files.example.org/jq.raw#x', 'leave out "#x"'],
  [`https://files.example.org/${'a'.repeat(2000)}`, 'at most 2000 characters'],
])('%j is none', (text, message) => {
  expect(parseImageReference(text)).toEqual({ problem: expect.stringContaining(message) });
});

test('no text makes it throw or hang', () => {
  fc.assert(
    fc.property(fc.constantFrom('', 'oci://', 'oci://a/', 'https://'), fc.string(), (start, rest) => {
      expect(parseImageReference(start + rest)).toBeDefined();
    }),
  );
  expect(parseImageReference(`oci://a/${'a-'.repeat(900)}!`)).toHaveProperty('problem');
});
