import fc from 'fast-check';
import { expect, test } from 'vitest';

import { isPinned, parseImageReference, referenceText, withDetails } from '../../../src/core/image-reference.ts';

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

test.each([
  ['https://files.example.org/jq.raw', true],
  ['https://files.example.org/jq.raw?v=1', true],
  ['https://files.example.org:8443/jq/?v=1', false],
  ['https://files.example.org', false],
  ['http://files.example.org/jq/', false],
])('%s is an address', (text, pinned) => {
  const reference = parseImageReference(text);

  expect(reference).toEqual({ value: { kind: 'https', text } });
  expect('value' in reference && isPinned(reference.value)).toBe(pinned);
});

test('/srv/images/ is a directory', () => {
  expect(parseImageReference('/srv/images/')).toEqual({ value: { kind: 'directory', text: '/srv/images/' } });
});

const detailed = (text: string, details: Parameters<typeof withDetails>[1]) => {
  const reference = parseImageReference(text);
  return 'value' in reference ? withDetails(reference.value, details) : reference;
};

test('a reference with its details in one line', () => {
  const sha256 = '0a'.repeat(32);
  const line = (text: string, details: Parameters<typeof withDetails>[1]) => {
    const reference = detailed(text, details);
    return 'value' in reference ? referenceText(reference.value) : reference.problem;
  };

  expect(line('https://a.example/b/', { match: ['b-@v.raw', 'c-@v.raw'] })).toBe(
    'https://a.example/b/ b-@v.raw c-@v.raw',
  );
  expect(line('https://a.example/b.raw', { sha256 })).toBe(`https://a.example/b.raw sha256:${sha256}`);
  expect(line('oci://a.example/b', {})).toBe('oci://a.example/b');
});

test.each([
  ['oci://a.example/b', { match: ['b-@v.raw'] }, 'match and sha256 are for files'],
  ['https://a.example/b.raw', { match: ['b-@v.raw'] }, 'match is for a directory'],
  ['https://a.example/b/', { match: [] }, 'match names no file'],
  ['https://a.example/b/', { match: ['b.raw'] }, 'there must be @v'],
  ['https://a.example/b/', { sha256: '0a'.repeat(32) }, 'sha256 is for a single file'],
  ['https://a.example/b', { sha256: '0A'.repeat(32) }, 'sha256 takes 64 digits'],
])('%s with %j is none', (text, details, message) => {
  expect(detailed(text, details)).toEqual({ problem: expect.stringContaining(message) });
});

test.each([
  ['', '"" begins with none of oci://, https:// and /'],
  ['registry.example.org/jq', 'begins with none of oci://, https:// and /'],
  ['/srv/jq.raw', 'a directory ends with /'],
  ['/srv/../jq/', 'no .. is allowed'],
  ['ftp://files.example.org/jq.raw', 'begins with none of'],
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
  ['https://files.example.org/%zz', 'the % are wrong'],
  ['https://files.example.org/%ff', 'the % are wrong'],
  ['https://files.example.org/a%0ab', 'the % are wrong'],
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
