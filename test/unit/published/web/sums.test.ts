import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { isAgentError } from '../../../../src/core/errors.ts';
import { verifyList } from '../../../../src/published/trust/trust.ts';
import { parseSums } from '../../../../src/published/web/sums.ts';

const now = new Date('2026-11-28T12:00:00Z');
const clock = { now: () => now, monotonic: () => 0, sleep: () => Promise.resolve() };
const hash = 'Ab'.repeat(32);
const nothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

async function sumsOf(content: string | Uint8Array): Promise<unknown> {
  const trust = { rules: [{ place: '/srv', names: ['*'], keys: undefined }], keys: new Map(), clock };
  const published = { source: '/srv/SHA256SUMS', bytes: Buffer.from(content) };
  const list = await verifyList(trust, { place: '/srv', name: 'jq' }, published, () => Promise.resolve([]));
  try {
    return Object.fromEntries(parseSums(list, '/srv/SHA256SUMS', now));
  } catch (error) {
    if (isAgentError(error, 'verification-failed')) return error.message;
    throw error;
  }
}

describe('a SHA256SUMS', () => {
  test('has the hash of each file', async () => {
    expect(await sumsOf(`${hash}  jq-1.raw\n${hash} *my file.raw\n`)).toEqual({
      'jq-1.raw': hash.toLowerCase(),
      'my file.raw': hash.toLowerCase(),
    });
    expect(await sumsOf('')).toEqual({});
  });

  test('says until when it is good', async () => {
    expect(await sumsOf(`${nothing}  BEST-BEFORE-2026-11-29\n${hash}  a\n`)).toEqual({ a: hash.toLowerCase() });
    expect(await sumsOf(`${nothing}  BEST-BEFORE-2026-11-28\n${hash}  a\n`)).toBe(
      '/srv/SHA256SUMS is out of date: it was good before 2026-11-28',
    );
    expect(await sumsOf(`${nothing}  BEST-BEFORE-soon\n`)).toContain('has no day such as');
    // A file of that name that is not empty is a file.
    expect(await sumsOf(`${hash}  BEST-BEFORE-2000-01-01\n`)).toHaveProperty('BEST-BEFORE-2000-01-01');
  });

  test.each([
    [`${hash}  jq.raw`, 'its last line has no end'],
    [`\\${hash}  a\\nb\n`, 'line 1: it is not a sha256'],
    [`${hash}  ../jq.raw\n`, 'is a path'],
    [`${hash}  /etc/passwd\n`, 'is a path'],
    [`${hash}  sub/jq.raw\n`, 'is a path'],
    [`${hash}  a\\b\n`, 'is a path'],
    [`${hash}  ..\n`, 'is no name of a file'],
    [`${hash}  a%2fb\n`, 'no % is allowed'],
    [`${hash}  \n`, 'line 1: it is not a sha256'],
    [`${hash}  a\u001bb\n`, 'there are control characters'],
    [`${hash}  a\r\n`, 'there are control characters'],
    [`${hash}  a\0b\n`, 'there are control characters'],
    [`${hash}  a\u202eb\n`, 'there are control characters'],
    [`${hash} a\n`, 'line 1: it is not a sha256'],
    [`${hash}\ta\n`, 'line 1: it is not a sha256'],
    [`${hash.slice(1)}  a\n`, 'line 1: it is not a sha256'],
    [`${hash}  a\n\n`, 'line 2: it is not a sha256'],
    [`${hash}  a\n# more\n`, 'line 2: it is not a sha256'],
    [`${hash}  a\n${hash} *a\n`, 'line 2: "a" is there twice'],
    ['\uFEFF' + `${hash}  a\n`, 'line 1: it is not a sha256'],
    ['<html>not found</html>\n', 'line 1: it is not a sha256'],
  ])('is refused as a whole: %j', async (text, why) => {
    expect(await sumsOf(text)).toContain(why);
  });

  test('must be text in UTF-8', async () => {
    expect(await sumsOf(Buffer.concat([Buffer.from(`${hash}  a`), Buffer.from([0xff, 0x0a])]))).toContain('UTF-8');
  });

  test('is taken or refused, whatever is in it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: fc.constantFrom('a', '0', ' ', '*', '\n', '\\', hash) }), async (text) => {
        expect(await sumsOf(text)).toBeDefined();
      }),
    );
  });
});
