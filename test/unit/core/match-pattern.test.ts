import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { matchName, namesExtension, parseMatchPattern, usualPatterns } from '../../../src/core/match-pattern.ts';

const host = { release: { ID: 'fedora', VERSION_ID: '42', IMAGE_VERSION: '' }, kernel: '6.12.1-arch1' };

function pattern(text: string) {
  const parsed = parseMatchPattern(text);
  if ('problem' in parsed) throw new Error(parsed.problem);
  return parsed.value;
}

const match = (text: string, name: string) => matchName(pattern(text), name, host);

describe('a pattern', () => {
  test.each([
    ['jq-@v.raw', 'jq-1.7.raw', { version: '1.7' }],
    ['jq-@v-%a.raw', 'jq-1.7-2-x86-64.raw', { version: '1.7-2', architecture: 'x86-64' }],
    ['jq-@v-%a.raw', 'jq-1.7-arm64.raw', { version: '1.7', architecture: 'arm64' }],
    ['jq-@v-%w-%a.raw', 'jq-1.7-42-x86-64.raw', { version: '1.7', architecture: 'x86-64' }],
    ['%o-@v.raw', 'fedora-1.raw', { version: '1' }],
    ['m-@v_%v.raw', 'm-1_6.12.1-arch1.raw', { version: '1' }],
    ['a@@b%%@v', 'a@b%2', { version: '2' }],
    ['jq_@v_@s.raw', 'jq_1.7_4096.raw', { version: '1.7', size: 4096 }],
    ['@v.@h.raw', `1.${'AB'.repeat(32)}.raw`, { version: '1', sha256: 'ab'.repeat(32) }],
    ['jq_@v+@l-@d.raw', 'jq_1+3-0.raw', { version: '1' }],
    ['jq-@v.raw', 'jq-1.7~rc1+dfsg^2.raw', { version: '1.7~rc1+dfsg^2' }],
  ])('%s matches %s', (text, name, found) => {
    expect(match(text, name)).toEqual(found);
  });

  test.each([
    ['jq-@v.raw', 'jq-.raw'],
    ['jq-@v.raw', 'jq-1.7.raw.xz'],
    ['jq-@v.raw', 'xjq-1.7.raw'],
    ['jq-@v.raw', 'jq-1 7.raw'],
    ['jq-@v-%a.raw', 'jq-1.7-amd64.raw'],
    ['jq-@v-%w.raw', 'jq-1.7-41.raw'],
    ['jq-@v-%A.raw', 'jq-1.7-.raw'],
    ['jq-@v-%B.raw', 'jq-1.7-.raw'],
    ['jq_@v_@s.raw', 'jq_1.7_big.raw'],
    ['jq_@v_@h', 'jq_1_abc'],
    // The version reaches to the first place where what is behind it stands, as in systemd-sysupdate; but nothing is left over.
    ['jq-@v.raw', 'jq-1.raw.raw'],
  ])('%s does not match %s', (text, name) => {
    expect(match(text, name)).toBeUndefined();
  });

  test.each([
    ['jq.raw', 'there must be @v'],
    ['jq-@v-@v.raw', 'each wildcard can be there once'],
    ['jq-@v@s.raw', 'between two wildcards'],
    ['jq-@x-@v.raw', '"@x" is no wildcard: there are @v @u'],
    ['jq-@v@', '"@" is no wildcard'],
    ['jq-@v-%H.raw', '"%H" is no specifier: there are %a %v'],
    ['a/@v.raw', 'a pattern is of file names'],
    ['a @v.raw', 'without white space'],
    ['@v'.padEnd(300, 'x'), 'at most 255'],
  ])('%s is none', (text, problem) => {
    expect(parseMatchPattern(text)).toEqual({ problem: expect.stringContaining(problem) });
  });

  test('says what the extension is called, or not', () => {
    expect(['jq-@v.raw', '%a-@v-jq.raw.xz', 'j@v'].map((text) => namesExtension(pattern(text)))).not.toContain(false);
    expect(
      ['@v.raw', '%a-@v.raw.zst', '@v_%w.tar.gz', '@v'].map((text) => namesExtension(pattern(text))),
    ).not.toContain(true);
  });
});

test('the usual names of an extension are those that they are tried for', () => {
  const names = ['jq-1.7-x86-64.raw', 'jq_1.7_arm64.raw.zst', 'jq-1.7.raw', 'jq_1.7.raw.xz'];
  const versions = names.map((name) =>
    usualPatterns('jq')
      .map((one) => matchName(one, name, host)?.version)
      .find(Boolean),
  );
  expect(versions).toEqual(['1.7', '1.7', '1.7', '1.7']);
});

test('what a pattern makes, it finds again; no text makes it throw', () => {
  const version = fc.stringMatching(/^[0-9][0-9.]{0,6}$/);
  fc.assert(
    fc.property(version, fc.constantFrom('x86-64', 'arm64'), (one, architecture) => {
      expect(match('jq-@v-%a.raw.xz', `jq-${one}-${architecture}.raw.xz`)).toEqual({ version: one, architecture });
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom('@', '%', 'v', 'a', '-', '.', 's') }), fc.string(), (text, name) => {
      const parsed = parseMatchPattern(text);
      if ('value' in parsed) matchName(parsed.value, name, host);
      expect(parsed).toBeDefined();
    }),
  );
});
