import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { SourceMeans } from '../../../../src/builder/source/means.ts';
import { systemClock } from '../../../../src/host/clock.ts';
import { isAgentError, renderError } from '../../../../src/core/errors.ts';
import { close, listen, serveFiles, type FileServer } from '../../../integration/support/server.ts';
import { temporaryDirectory } from '../../../support/archives.ts';
import { filesOf, prepared, sourceMeans } from '../../../support/sources.ts';
import { createServer } from 'node:http';

let cache: ReturnType<typeof temporaryDirectory>;
let site: ReturnType<typeof temporaryDirectory>;
let server: FileServer;
beforeEach(async () => {
  cache = temporaryDirectory();
  site = temporaryDirectory();
  server = await serveFiles(site.path);
});
afterEach(async () => {
  await server.close();
  cache[Symbol.dispose]();
  site[Symbol.dispose]();
});

function hashOf(text: string, algorithm = 'sha256'): string {
  return `${algorithm}:${createHash(algorithm).update(text).digest('hex')}`;
}

function prepare(fields: string, given: Partial<SourceMeans> = {}) {
  return prepared(fields, sourceMeans(cache.path, given));
}

async function failure(fields: string, given: Partial<SourceMeans> = {}): Promise<{ code: string; text: string }> {
  try {
    await prepare(fields, given);
  } catch (error) {
    if (isAgentError(error)) return { code: error.code, text: renderError(error) };
    throw error;
  }
  throw new Error('nothing failed');
}

/** Everything that is kept of sources, apart from what was noted. */
function kept(): string[] {
  const top = cache.at('sources');
  if (!existsSync(top)) return [];
  const files = readdirSync(top, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
  return files
    .map(({ parentPath, name }) => join(parentPath, name).slice(top.length + 1))
    .filter((path) => !path.startsWith('notes/'));
}

describe('the layer of sources', () => {
  test('has each under its name, as it is written into the spec or lies in a context', async () => {
    using context = temporaryDirectory();
    mkdirSync(context.at('sub'));
    writeFileSync(context.at('sub/run'), 'x', { mode: 0o755 });
    writeFileSync(context.at('a.txt'), 'a');
    chmodSync(context.at('a.txt'), 0o4666);
    symlinkSync('/etc/shadow', context.at('out'));

    const { layer, warnings, materials, digest } = await prepare(
      `sources:
  file: {inline: {file: {contents: text, permissions: 0600}}}
  dir: {inline: {dir: {permissions: 0700, files: {b: {contents: bee, uid: 5}}}}}
  ctx: {context: {}}
  part: {context: {}, path: sub/run}`,
      { contexts: new Map([['context', context.path]]) },
    );

    expect(filesOf(layer)).toEqual({
      'build/': '755',
      'build/ctx/': '755',
      'build/ctx/a.txt': '644 a',
      'build/ctx/out': '-> /etc/shadow',
      'build/ctx/sub/': '755',
      'build/ctx/sub/run': '755 x',
      'build/dir/': '700',
      'build/dir/b': '644 bee',
      'build/file': '600 text',
      'build/part/': '755',
      'build/part/run': '755 x',
    });
    expect(materials).toEqual([]);
    expect(warnings).toEqual(['everything in a build is owned by root: uid and gid of the source "dir" are left out']);
    expect(layer).toBe(cache.at(`sources/layers/${digest}`));
  });

  test('is the same whenever and wherever it is made, and another one where a byte or the time differs', async () => {
    using other = temporaryDirectory();
    const fields = (text: string) => `sources: {a: {inline: {file: {contents: "${text}"}}}}`;
    const first = await prepare(fields('x'));
    const elsewhere = await prepared(fields('x'), sourceMeans(other.path));

    expect(elsewhere.digest).toBe(first.digest);
    expect((await prepare(fields('y'))).digest).not.toBe(first.digest);
    expect((await prepare(fields('x'), { sourceDateEpoch: 1_700_000_000 })).digest).not.toBe(first.digest);
    expect(readdirSync(cache.at('sources/layers'))).toHaveLength(3);
  });

  test('is that of the files that a context has now', async () => {
    using context = temporaryDirectory();
    const given = { contexts: new Map([['context', context.path]]) };
    writeFileSync(context.at('a'), 'one');
    const first = await prepare('sources: {ctx: {context: {}}}', given);
    writeFileSync(context.at('a'), 'two');
    const second = await prepare('sources: {ctx: {context: {}}}', given);

    expect(filesOf(first.layer)['build/ctx/a']).toBe('644 one');
    expect(filesOf(second.layer)['build/ctx/a']).toBe('644 two');
  });

  test('is there, and empty, where a spec has no sources', async () => {
    const { layer, steps } = await prepare('description: nothing');
    expect(filesOf(layer)).toEqual({ 'build/': '755' });
    expect(steps).toEqual([]);
  });
});

describe('a file from the web', () => {
  test.each(['sha256', 'sha384', 'sha512'])('is fetched once, and known by its %s for ever', async (algorithm) => {
    writeFileSync(site.at('a.tar'), 'archive');
    const digest = hashOf('archive', algorithm);
    const fields = `sources: {a.tar: {http: {url: "${server.uri}/a.tar?key=1", digest: "${digest}", permissions: 0755}}}`;

    const { layer, materials, warnings } = await prepare(fields);
    await server.close();
    const offline = await prepare(`${fields.slice(0, -1)}, more: {inline: {file: {contents: x}}}}`, { offline: true });

    expect(filesOf(layer)['build/a.tar']).toBe('755 archive');
    expect(warnings).toEqual([]);
    const [, hex] = digest.split(':');
    expect(materials).toEqual([{ name: 'a.tar', uri: `${server.uri}/a.tar`, digest: { [algorithm]: hex } }]);
    expect(filesOf(offline.layer)['build/a.tar']).toBe('755 archive');
  });

  test('goes on where it broke off', async () => {
    const text = 'x'.repeat(100_000);
    writeFileSync(site.at('big'), text);
    server.inject('big', { kind: 'truncate', after: 50_000 });

    const { layer } = await prepare(`sources: {big: {http: {url: "${server.uri}/big", digest: "${hashOf(text)}"}}}`);

    expect(filesOf(layer)['build/big']).toBe(`644 ${text}`);
    expect(server.seen.map(({ headers }) => headers.range)).toEqual([undefined, expect.stringMatching(/^bytes=\d+-$/)]);
  });

  test('that is another one is refused, and nothing of it is kept', async () => {
    writeFileSync(site.at('a'), 'evil');
    const { code, text } = await failure(`sources: {a: {http: {url: "${server.uri}/a", digest: "${hashOf('good')}"}}}`);

    expect(code).toBe('verification-failed');
    expect(text).toContain(`expected: ${hashOf('good').replace(':', ' ')}`);
    expect(text).toContain(`found:    ${hashOf('evil').replace(':', ' ')}`);
    expect(kept()).toEqual([]);
  });

  test('without a digest is fetched each time, and what came is said; offline the last one counts', async () => {
    const fields = `sources: {a: {http: {url: "${server.uri}/a"}}}`;
    writeFileSync(site.at('a'), 'one');
    const first = await prepare(fields);
    writeFileSync(site.at('a'), 'two');
    const second = await prepare(fields);
    const offline = await prepare(fields, { offline: true });

    expect(first.warnings).toEqual([
      `the source "a" has no digest, so anything could come: ${server.uri}/a gave ${hashOf('one')}; write that into the spec as its digest`,
    ]);
    expect(first.materials).toMatchObject([{ digest: { sha256: hashOf('one').slice(7) } }]);
    expect(filesOf(second.layer)['build/a']).toBe('644 two');
    expect(offline.digest).toBe(second.digest);
    expect(offline.warnings).toEqual(second.warnings);
  });

  test('that was damaged in the cache is fetched again', async () => {
    writeFileSync(site.at('a'), 'good');
    const fields = (more: string) =>
      `sources: {a: {http: {url: "${server.uri}/a", digest: "${hashOf('good')}"}}, b: {inline: {file: {contents: "${more}"}}}}`;
    await prepare(fields('1'));
    writeFileSync(cache.at(`sources/sha256/${hashOf('good').slice(7)}`), 'evil');

    expect(filesOf((await prepare(fields('2'))).layer)['build/a']).toBe('644 good');
    writeFileSync(cache.at(`sources/sha256/${hashOf('good').slice(7)}`), 'evil');
    expect((await failure(fields('3'), { offline: true })).text).toContain('is not in the cache');
  });

  test('is not one of this host', async () => {
    const { code, text } = await failure('sources: {a: {http: {url: "file:///etc/shadow"}}}');
    expect(code).toBe('invalid-spec');
    expect(text).toContain('a.yml:2:27: sources.a.http.url: "file:///etc/shadow" is no http or https address');
  });

  test('does not come by a way that leads out of the web', async () => {
    const evil = createServer((_, response) => {
      response.writeHead(302, { location: 'file:///etc/passwd' }).end();
    });
    const url = await listen(evil);
    const { code } = await failure(`sources: {a: {http: {url: "${url}/a"}}}`);
    await close(evil);
    expect(code).toBe('network');
    expect(kept()).toEqual([]);
  });

  test('is not fetched where only the cache is used', async () => {
    const { code, text } = await failure(`sources: {a: {http: {url: "${server.uri}/a"}}}`, { offline: true });
    expect(code).toBe('network');
    expect(text).toContain('Run the command once without --offline.');
    expect(server.seen).toEqual([]);
  });
});

describe('what cannot be prepared', () => {
  test('is a Dockerfile', async () => {
    expect((await failure('sources: {a: {build: {source: {context: {}}}}}')).text).toContain('sources.a.build');
  });

  test('is a patch of what is one file', async () => {
    const { text } = await failure(
      'sources: {a: {inline: {file: {contents: x}}}, p: {inline: {file: {contents: y}}}}\npatches: {a: [{source: p}]}',
    );
    expect(text).toContain('sources.a.patches: only the files of a directory can be patched');
  });
});

describe('what is kept of sources', () => {
  const days = (count: number) => new Date(Date.now() + count * 86_400_000);
  const clockAt = (now: Date) => ({ ...systemClock, now: () => now });
  const file = (text: string) => `sources: {file: {inline: {file: {contents: ${text}}}}}`;

  test('goes with what comes a month after it was last used, and not before', async () => {
    const removed: string[] = [];
    const remove = (layer: string) => Promise.resolve(void removed.push(layer));
    const [old, used] = [await prepare(file('old')), await prepare(file('used'))];
    const notes = cache.at('sources/notes/layer');
    for (const name of readdirSync(notes)) utimesSync(join(notes, name), days(0), days(0));

    await prepare(file('new'), { remove, clock: clockAt(days(29)) });
    expect(removed).toEqual([]);

    const [note = ''] = readdirSync(notes).filter((name) =>
      readFileSync(join(notes, name), 'utf8').includes(used.digest),
    );
    utimesSync(join(notes, note), days(20), days(20));
    await prepare(file('newer'), { remove, clock: clockAt(days(31)) });
    expect(removed).toContain(old.layer);
    expect(removed).not.toContain(used.layer);
    expect(readdirSync(notes)).toContain(note);
  });
});
