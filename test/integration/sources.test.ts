import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from 'vitest';

import { createSandbox } from '../../src/builder/sandbox/bubblewrap.ts';
import { sandboxedGit } from '../../src/builder/source/git-room.ts';
import type { SourceMeans } from '../../src/builder/source/means.ts';
import { systemClock } from '../../src/host/clock.ts';
import { createExec } from '../../src/host/exec.ts';
import { containerImages } from '../../src/cli/container-images.ts';
import { indexType, manifestType } from '../../src/published/registry/manifest.ts';
import { tarBytes, temporaryDirectory } from '../support/archives.ts';
import { filesOf, prepared, sourceMeans } from '../support/sources.ts';
import { startGitServer, type GitServer } from './support/git-server.ts';
import { startRegistry } from './support/registry.ts';
import { startSshServer } from './support/ssh-server.ts';

let server: GitServer;
let cache: ReturnType<typeof temporaryDirectory>;
beforeAll(async () => {
  server = await startGitServer();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});
beforeEach(() => {
  cache = temporaryDirectory();
});
afterEach(async () => {
  await createExec({}).run('rm', ['-rf', cache.path]);
});

function means(given: Partial<SourceMeans> = {}): SourceMeans {
  const sandbox = createSandbox({ exec: createExec({}), clock: systemClock, directory: cache.at('sandbox') });
  return sourceMeans(cache.path, { git: sandboxedGit(sandbox), adopt: (layer) => sandbox.adoptLayer(layer), ...given });
}

describe('a git repository', () => {
  test('is one commit of it, without what a checkout would run or an archive would leave out', async () => {
    const commit = server.commit('plain', {
      'main.c': 'int main;\n',
      'run.sh': 'true\n',
      'deep/er/file': 'x',
      link: '-> deep/er/file',
      'lines.bat': 'one\ntwo\n',
      '.gitattributes': '*.bat text eol=crlf\nsecret export-ignore\n*.c filter=lfs\n',
      secret: 'kept',
    });
    server.commit('plain', { 'main.c': 'later\n' });

    const { layer, materials, warnings } = await prepared(
      `sources: {src: {git: {url: "${server.url}/plain", commit: ${commit}}}}`,
      means(),
    );

    expect(warnings).toEqual([]);
    expect(materials).toEqual([{ name: 'src', uri: `git+${server.url}/plain`, digest: { gitCommit: commit } }]);
    expect(filesOf(layer)).toMatchObject({
      'build/src/main.c': '644 int main;\n',
      'build/src/run.sh': '755 true\n',
      'build/src/link': '-> deep/er/file',
      'build/src/lines.bat': '644 one\r\ntwo\r\n',
      'build/src/secret': '644 kept',
    });
    expect(existsSync(`${layer}/build/src/.git`)).toBe(false);
    expect(readdirSync(cache.at('work'))).not.toContainEqual(expect.stringContaining('repository'));
  });

  test('is what a tag leads to, with a word on it; what was promised is held against it', async () => {
    const commit = server.commit('tagged', { file: 'one' });
    server.git('tagged', 'tag', '-a', '-m', 'a tag', 'v1');
    const tag = server.git('tagged', 'rev-parse', 'v1');
    server.commit('tagged', { file: 'two' });
    const fields = (more = '') => `sources: {src: {git: {url: "${server.url}/tagged", commit: v1${more}}}}`;

    const found = await prepared(fields(), means());
    expect(filesOf(found.layer)['build/src/file']).toBe('644 one');
    expect(found.materials).toMatchObject([
      { uri: `git+${server.url}/tagged@refs/tags/v1`, digest: { gitCommit: commit } },
    ]);
    expect(found.warnings).toEqual([
      `the source "src" is v1 of ${server.url}/tagged, which can change: it was ${commit}; write that as its commit to keep it`,
    ]);
    const asked = server.seen.length;
    expect((await prepared(fields(), means({ offline: true }))).digest).toBe(found.digest);
    expect(server.seen).toHaveLength(asked);

    expect((await prepared(fields(`, checksum: ${tag}`), means())).warnings).toEqual([]);
    await expect(prepared(fields(`, checksum: ${'a'.repeat(40)}`), means())).rejects.toMatchObject({
      code: 'verification-failed',
      details: { facts: [`expected: ${'a'.repeat(40)}`, `found:    ${commit}`] },
    });
  });

  test('is not what a server says of a tag, but what the tag says', async () => {
    await using liar = await startGitServer();
    const bad = liar.commit('tagged', { file: 'old, with holes' });
    const good = liar.commit('tagged', { file: 'new' });
    liar.git('tagged', 'branch', 'old', bad);
    liar.git('tagged', 'tag', '-a', '-m', 'a tag', 'v2');
    const fields = (commit: string, checksum: string) =>
      `sources: {src: {git: {url: "${liar.url}/tagged", commit: ${commit}, checksum: ${checksum}}}}`;
    const promised = fields('v2', liar.git('tagged', 'rev-parse', 'v2'));
    expect(filesOf((await prepared(promised, means())).layer)).toMatchObject({ 'build/src/file': '644 new' });
    // Whether or not the commit is here already.
    expect(filesOf((await prepared(fields(bad, bad), means())).layer)).toHaveProperty('build/src/file');

    liar.lie(`peeled:${good}`, `peeled:${bad}`);
    const refused = { code: 'verification-failed', details: { facts: [expect.stringContaining('does not lead to')] } };
    await expect(prepared(promised, means())).rejects.toMatchObject(refused);
    await expect(prepared(promised, means({ cacheDirectory: cache.at('new') }))).rejects.toMatchObject(refused);
  });

  test('does not get a secret where its server leads elsewhere', async () => {
    await using other = await startGitServer();
    const commit = other.commit('x', { file: 'moved' });
    server.move('/moved', `${other.url.replace('127.0.0.1', 'localhost')}/x`);
    const fields = `sources: {src: {git: {url: "${server.url}/moved", commit: ${commit}}}}`;
    writeFileSync(cache.at('token'), 'hush', { mode: 0o600 });
    await expect(
      prepared(fields, means({ secrets: new Map([['GIT_AUTH_TOKEN', cache.at('token')]]) })),
    ).rejects.toMatchObject({ code: 'network', details: { next: expect.stringContaining('secrets do not go there') } });
    expect(other.seen).toEqual([]);

    expect(filesOf((await prepared(fields, means())).layer)).toMatchObject({ 'build/src/file': '644 moved' });
  });

  test('comes over ssh only from a server that this host knows, whatever else it knows', async () => {
    await using ssh = await startSshServer();
    const source = `sources: {src: {git: {url: "ssh://git@127.0.0.1:${ssh.port}/src", commit: main}}}`;
    // More than one variable of the environment may have (execve(2), MAX_ARG_STRLEN).
    const others = 'other.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA\n'.repeat(4000);
    writeFileSync(cache.at('system'), others);
    writeFileSync(cache.at('user'), ssh.known);
    const knowing = (...names: string[]) =>
      prepared(source, means({ knownHosts: names.map((name) => cache.at(name)) }));

    await expect(knowing('system')).rejects.toMatchObject({
      details: {
        facts: expect.arrayContaining(['Host key verification failed.']),
        next: expect.stringContaining('Add the key of the server to /etc/ssh/ssh_known_hosts'),
      },
    });
    await expect(knowing('system', 'user')).rejects.toMatchObject({
      details: {
        facts: expect.arrayContaining([expect.stringContaining('Permission denied (publickey')]),
        next: expect.stringContaining('Name its secret in the auth of the source'),
      },
    });
  });

  test('has its submodules, and its secret goes to its own server alone', async () => {
    await using other = await startGitServer();
    const foreign = other.commit('foreign', { f: 'foreign' });
    const near = server.commit('near', { n: 'near' });
    server.commit('top', {
      '.gitmodules': `[submodule "n"]\n\tpath = lib/near\n\turl = ../near\n[submodule "f"]\n\tpath = foreign\n\turl = ${other.url}/foreign\n`,
    });
    for (const [path, id] of [
      ['lib/near', near],
      ['foreign', foreign],
      ['lost', near],
    ] as const)
      server.git('top', 'update-index', '--add', '--cacheinfo', `160000,${id},${path}`);
    server.git('top', 'commit', '-q', '-m', 'with others');
    const commit = server.git('top', 'rev-parse', 'HEAD');
    const fields = `sources: {src: {git: {url: "${server.url}/top", commit: ${commit}, auth: {token: T}}}}`;
    writeFileSync(cache.at('token'), 'hush\n', { mode: 0o600 });
    const header = `basic ${Buffer.from('x-access-token:hush').toString('base64')}`;
    server.guard(header);
    try {
      await expect(prepared(fields, means())).rejects.toThrow(/needs the secret "T", which was not given/);
      const { layer, materials, warnings } = await prepared(
        fields,
        means({ secrets: new Map([['T', cache.at('token')]]) }),
      );
      expect(filesOf(layer)).toMatchObject({
        'build/src/lib/near/n': '644 near',
        'build/src/foreign/f': '644 foreign',
      });
      expect(materials.slice(1)).toEqual([
        { name: 'src/foreign', uri: `git+${other.url}/foreign`, digest: { gitCommit: foreign } },
        { name: 'src/lib/near', uri: `git+${server.url}/near`, digest: { gitCommit: near } },
      ]);
      expect(warnings).toEqual([
        'the source "src": the submodule "lost" is left out: .gitmodules does not say where it is',
      ]);
      expect(server.seen.some(({ path, authorization }) => path.startsWith('/near') && authorization === header)).toBe(
        true,
      );
      expect(other.seen.every(({ authorization }) => authorization === undefined)).toBe(true);
      await expect(
        prepared(
          fields.replace('top', 'near').replace(commit, near).replace(', auth: {token: T}', ''),
          means({ cacheDirectory: cache.at('new') }),
        ),
      ).rejects.toMatchObject({ code: 'network', details: { next: expect.stringContaining('--secret') } });
    } finally {
      server.guard(undefined);
    }
  });

  test('has a .git of its own where that is wanted, in which git works', async () => {
    const commit = server.commit('own', { file: 'one', 'sub/x': '1' });
    server.git('own', 'tag', 'v7');
    const { layer } = await prepared(
      `sources: {src: {git: {url: "${server.url}/own", commit: v7, keepGitDir: true}}}`,
      means(),
    );
    const git = (...args: readonly string[]) =>
      execFileSync('git', ['-c', 'safe.directory=*', '-C', `${layer}/build/src`, ...args], { encoding: 'utf8' }).trim();

    expect(git('rev-parse', 'HEAD')).toBe(commit);
    expect(git('describe', '--tags')).toBe('v7');
    expect(git('diff', '--stat', 'HEAD')).toBe('');
    expect(git('fsck')).toBe('');
  });

  test('is refused where its links lead files elsewhere, and nothing of it is written', async () => {
    const commit = server.commit('evil', { a: 'x' });
    // A tree that has a link and a file behind it: git itself makes none such.
    const blob = server.git('evil', 'rev-parse', 'HEAD:a');
    const tree = (entries: string) =>
      execFileSync('git', ['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], {
        cwd: server.directory('evil'),
        input: Buffer.from(
          entries.replace(/<([0-9a-f]{40})>/g, (_, id: string) => Buffer.from(id, 'hex').toString('latin1')),
          'latin1',
        ),
        encoding: 'utf8',
      }).trim();
    const inner = tree(`100644 passwd\0<${blob}>`);
    const top = tree(`120000 out\0<${blob}>40000 out\0<${inner}>40000 ..\0<${inner}>`);
    const evil = server.git('evil', 'commit-tree', '-p', commit, '-m', 'evil', top);
    server.git('evil', 'update-ref', 'refs/heads/evil', evil);

    await expect(
      prepared(`sources: {src: {git: {url: "${server.url}/evil", commit: ${evil}}}}`, means()),
    ).rejects.toMatchObject({ code: 'content-refused' });
    expect(readdirSync(cache.path)).not.toContain('passwd');
    expect(existsSync(cache.at('sources/layers'))).toBe(false);
  });
});

describe('a container image', () => {
  test('gives files of its layers, from its tag with a word on it, from its digest without', async () => {
    await using registry = await startRegistry({ guarded: false });
    mkdirSync(cache.at('root/etc/sysext-agent'), { recursive: true });
    writeFileSync(
      cache.at('root/etc/sysext-agent/agent.yml'),
      `registries: {"${registry.host}": {plain_http: true}}\n`,
    );
    const layers = [
      tarBytes([
        { name: 'usr/lib/', type: '5', mode: 0o755 },
        { name: 'usr/lib/a', content: 'old' },
        { name: 'usr/lib/gone', content: 'x' },
        { name: 'lib', type: '2', target: 'usr/lib' },
        { name: 'usr/lib/suid', content: 's', mode: 0o4755 },
      ]),
      tarBytes([{ name: 'lib/a', content: 'new' }, { name: 'usr/lib/.wh.gone' }]),
    ];
    const digest = await pushImage(registry.host, 'tools/lib', '1.0', layers);
    const images = containerImages(cache.at('root'));
    const fields = (reference: string) => `sources: {src: {image: {ref: "${reference}"}, path: /lib, excludes: [no*]}}`;

    const tagged = await prepared(fields(`${registry.host}/tools/lib:1.0`), means({ images }));
    const pinned = await prepared(fields(`${registry.host}/tools/lib@${digest}`), means({ images }));

    expect(filesOf(tagged.layer)).toEqual({
      'build/': '755',
      'build/src/': '755',
      'build/src/a': '644 new',
      'build/src/suid': '755 s',
    });
    expect(tagged.warnings).toEqual([
      expect.stringContaining(
        `which can change: it was ${digest}; write ${registry.host}/tools/lib:1.0@${digest} to keep it`,
      ),
    ]);
    expect(pinned.warnings).toEqual([]);
    expect(pinned.digest).toBe(tagged.digest);
    expect(pinned.materials).toEqual([
      {
        name: 'src',
        uri: `oci://${registry.host}/tools/lib`,
        digest: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
    ]);
    await expect(prepared(fields(`${registry.host}/tools/lib:2.0`), means({ images }))).rejects.toMatchObject({
      code: 'no-such-file',
    });
    const offline = await prepared(
      fields(`${registry.host}/tools/lib:1.0`).replace('no*', 'a'),
      means({ offline: true }),
    );
    expect(filesOf(offline.layer)).toMatchObject({ 'build/src/suid': '755 s' });
  });
});

async function send(url: string, method: string, body: Uint8Array | string, type: string): Promise<Response> {
  const response = await fetch(url, { method, body: Buffer.from(body), headers: { 'content-type': type } });
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status}`);
  return response;
}

/** Puts a container image with these layers into a registry. @returns the digest of its index. */
async function pushImage(host: string, name: string, tag: string, layers: readonly Buffer[]): Promise<string> {
  const base = `http://${host}/v2/${name}`;
  const digestOf = (bytes: Uint8Array | string) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const blob = async (bytes: Uint8Array, mediaType: string) => {
    const started = await send(`${base}/blobs/uploads/`, 'POST', '', 'application/octet-stream');
    const place = new URL(started.headers.get('location') ?? '', base);
    place.searchParams.set('digest', digestOf(bytes));
    await send(place.href, 'PUT', bytes, 'application/octet-stream');
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  };
  const config = await blob(Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
  const packed = [];
  for (const layer of layers) packed.push(await blob(gzipSync(layer), 'application/vnd.oci.image.layer.v1.tar+gzip'));
  const document = { schemaVersion: 2, mediaType: manifestType, config, layers: packed };
  const manifest = JSON.stringify(document);
  await send(`${base}/manifests/${digestOf(manifest)}`, 'PUT', manifest, manifestType);
  const platform = { os: 'linux', architecture: 'amd64' };
  const entry = { mediaType: manifestType, digest: digestOf(manifest), size: manifest.length, platform };
  const index = JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [entry] });
  await send(`${base}/manifests/${tag}`, 'PUT', index, indexType);
  return digestOf(index);
}
