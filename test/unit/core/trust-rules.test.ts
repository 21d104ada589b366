import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isWithin, matchesGlob } from '../../../src/core/place.ts';
import { ruleFor, type TrustRule } from '../../../src/core/trust-rules.ts';

describe('a place', () => {
  test.each([
    ['oci://r.example/ext/jq', 'oci://r.example/ext/jq'],
    ['oci://r.example/ext/jq', 'oci://r.example/ext'],
    ['oci://r.example/ext/jq', 'oci://r.example/ext/'],
    ['oci://r.example/ext/jq', 'oci://R.Example'],
    ['oci://r.example/ext/jq', 'oci://*/ext/*'],
    ['https://files.example.org/a', 'https://*.example.org'],
    ['/srv/images/a', '/srv/images'],
    ['/srv/images/', '/srv/images'],
  ])('%s is within %s', (place, pattern) => {
    expect(isWithin(place, pattern)).toBe(true);
  });

  test.each([
    ['oci://r.example/extra', 'oci://r.example/ext'],
    ['oci://r.example.evil.org/ext', 'oci://r.example'],
    ['oci://r.example:5000/ext', 'oci://r.example'],
    ['http://r.example/ext', 'https://r.example'],
    ['https://evil.org/.example.org', 'https://*.example.org'],
    ['oci://r.example/Ext', 'oci://r.example/ext'],
    ['oci://r.example', 'oci://r.example/ext'],
    ['/srv/images2', '/srv/images'],
  ])('%s is not within %s', (place, pattern) => {
    expect(isWithin(place, pattern)).toBe(false);
  });
});

test('a glob means what it would as a regular expression', () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '-', '*'), maxLength: 8 });
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '-'), maxLength: 10 });
  fc.assert(
    fc.property(name, text, (plain, glob) => {
      expect(matchesGlob(plain, glob)).toBe(new RegExp(`^${glob.replaceAll('*', '.*')}$`).test(plain));
    }),
    { numRuns: 2000 },
  );
});

describe('of several rules', () => {
  const rule = (place: string, names: readonly string[], key: string): TrustRule => ({ place, names, keys: [key] });
  const rules = [
    rule('oci://r.example', ['*'], 'everywhere.pub'),
    rule('oci://r.example/ext', ['k8s-*'], 'clusters.pub'),
    rule('oci://r.example/ext', ['*'], 'ext.pub'),
    rule('oci://r.example/ext', ['jq', 'k8s-a*'], 'narrow.pub'),
    rule('oci://r.example/ext', ['jq'], 'later.pub'),
  ];
  const keyFor = (place: string, name: string) => ruleFor(rules, { place, name })?.keys?.[0];

  test.each([
    ['oci://r.example/other', 'jq', 'everywhere.pub'],
    ['oci://r.example/ext/tools', 'tools', 'ext.pub'],
    ['oci://r.example/ext/k8s-b', 'k8s-b', 'clusters.pub'],
    ['oci://r.example/ext/k8s-a1', 'k8s-a1', 'narrow.pub'],
    ['oci://r.example/ext/jq', 'jq', 'later.pub'],
    ['oci://elsewhere.example/ext/jq', 'jq', undefined],
  ])('for %s and %s that of %s counts', (place, name, key) => {
    expect(keyFor(place, name)).toBe(key);
  });
});
