import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { PackageRequest, Relation } from '../../src/builder/packages/packages.ts';
import { rpmEntries } from '../../src/builder/packages/rpm/archive.ts';
import { createRpmSource, type RpmSourceOptions } from '../../src/builder/packages/rpm/source.ts';
import { isAgentError, renderError, type AgentError } from '../../src/core/errors.ts';
import { systemClock } from '../../src/host/clock.ts';
import { createExec } from '../../src/host/exec.ts';
import { createHttp } from '../../src/host/http.ts';
import { silent } from '../../src/host/progress.ts';
import { makeSigningKey, type SigningKey } from './support/repository.ts';
import { makeRpm, makeRpmRepository, type RpmOptions, type TestRpmRepository } from './support/rpm-repository.ts';
import { specOf } from './support/target.ts';

let workshop: string;
let key: SigningKey;
let stranger: SigningKey;
let hello: readonly string[];
let archive: TestRpmRepository;
let cacheDirectory: string;

beforeAll(() => {
  workshop = mkdtempSync(join(tmpdir(), 'workshop-'));
  key = makeSigningKey(workshop, 'distributor');
  stranger = makeSigningKey(workshop, 'stranger');
  hello = ['1.0', '1.5', '2.0'].map((version) => make({ name: 'hello', version }));
});
afterAll(() => {
  key.discard();
  stranger.discard();
  rmSync(workshop, { recursive: true });
});
beforeEach(async () => {
  cacheDirectory = mkdtempSync(join(tmpdir(), 'cache-'));
  archive = await makeRpmRepository([], key);
});
afterEach(async () => {
  await archive.close();
  rmSync(cacheDirectory, { recursive: true });
});

function make(options: RpmOptions): string {
  return makeRpm(workshop, { key, ...options });
}

function source(options: Partial<RpmSourceOptions> = {}) {
  const exec = createExec(process.env);
  const clock = { ...systemClock, sleep: () => Promise.resolve() };
  return createRpmSource({
    repositories: [{ ...archive.repository, gpgcheck: true }],
    architecture: 'x86_64',
    cacheDirectory,
    http: createHttp({ env: {}, clock, idleTimeout: 500 }),
    exec,
    clock,
    progress: silent,
    entries: (pkg) => rpmEntries(pkg, { exec, cacheDirectory }),
    ...options,
  });
}

function request(name: string, ...constraints: readonly (readonly [Relation, string])[]): PackageRequest {
  return { name, constraints: constraints.map(([relation, version]) => ({ relation, version })) };
}

async function versions(...requests: readonly PackageRequest[]) {
  const selected = await source().select(requests);
  return selected.map((pkg) => `${pkg.name} ${pkg.version} ${pkg.architecture}`);
}

async function failureOf(promise: Promise<unknown>): Promise<AgentError> {
  try {
    await promise;
  } catch (error) {
    if (isAgentError(error)) return error;
    throw error;
  }
  throw new Error('nothing failed');
}

async function fetched(name: string, options: Partial<RpmSourceOptions> = {}) {
  const from = source(options);
  return await from.fetch(await from.select([request(name)]));
}

describe('build --target=azlinux3', () => {
  let root: string;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'root-'));
    const targets = join(root, 'etc/sysext-agent/targets.d');
    mkdirSync(targets, { recursive: true });
    mkdirSync(join(root, 'usr/lib'), { recursive: true });
    writeFileSync(join(root, 'usr/lib/os-release'), 'ID=test\n');
    const repository = `{family: rpm, baseurl: '${archive.uri}', repo_gpgcheck: true, keys: ['${key.keyFile}']}`;
    writeFileSync(join(targets, 'azlinux3.yml'), `description: test\nrepositories: [${repository}]\n`);
    writeFileSync(join(root, 'spec.yml'), specOf('my-sysext', { hello: '< 2', tool: '' }).replace('1.0', '0.1.0'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  /** Not in this process's stead: the server of the packages runs in it. */
  function build(...more: readonly string[]): Promise<{ readonly status: number; readonly stderr: string }> {
    const args = ['build', join(root, 'spec.yml'), '--root', root, '--target=azlinux3', ...more];
    const program = join(import.meta.dirname, '../../bin/sysext-agent');
    return new Promise((resolve) => {
      const child = execFile(program, args, { cwd: root, env: { ...process.env, http_proxy: '' } }, (_, __, stderr) => {
        resolve({ status: child.exitCode ?? -1, stderr });
      });
    });
  }

  it('makes the image that Dalec names, of the packages of an rpm repository, and again without the network', async () => {
    archive.publish([...hello, make({ name: 'tool', version: '3', arch: 'noarch' })]);
    const first = await build();
    expect(first.stderr).toContain('hello 1.5-1');
    expect(first.status).toBe(0);
    const image = join(root, 'my-sysext-v0.1.0-1-azlinux3-x86-64.raw');
    const bytes = readFileSync(image);
    const out = join(root, 'out');
    expect(spawnSync('fsck.erofs', [`--extract=${out}`, image]).status).toBe(0);
    expect(readFileSync(join(out, 'usr/bin/hello'), 'utf8')).toBe('hello-1.5\n');
    expect(readFileSync(join(out, 'usr/bin/tool'), 'utf8')).toBe('tool-3\n');
    expect(readdirSync(join(out, 'usr/lib/extension-release.d'))).toContain('extension-release.my-sysext');
    await archive.close();
    rmSync(image);
    expect((await build('--offline')).status).toBe(0);
    expect(readFileSync(image).equals(bytes)).toBe(true);
    archive = await makeRpmRepository([], key);
  });
});

describe('one package for each request', () => {
  it('is the newest that meets all constraints, of this architecture or none', async () => {
    archive.publish([...hello, make({ name: 'data', version: '1', arch: 'noarch', epoch: 2 })]);
    expect(await versions(request('hello'), request('data'))).toEqual(['data 2:1-1 noarch', 'hello 2.0-1 x86_64']);
    expect(await versions(request('hello', ['>=', '1.2'], ['<<', '2']))).toEqual(['hello 1.5-1 x86_64']);
    expect(await versions(request('hello', ['=', '1.0']))).toEqual(['hello 1.0-1 x86_64']);
  });

  it('is found by what it provides and by its files, those of filelists.xml too', async () => {
    const install = ['mkdir -p usr/bin usr/share/vi', 'echo x > usr/bin/vi', 'echo y > usr/share/vi/deep'];
    const preamble = ['Provides: editor = 9, libvi.so.1()(64bit), perl(Carp) = 1.5'];
    archive.publish([make({ name: 'vim', version: '8', preamble, install, files: ['/usr/bin/vi', '/usr/share/vi'] })]);
    for (const name of ['editor', 'perl(Carp)', 'libvi.so.1()(64bit)', '/usr/bin/vi'])
      expect(await versions(request(name))).toEqual(['vim 8-1 x86_64']);
    const asked = () => archive.server.seen.some(({ path }) => path.includes('filelists'));
    expect(asked()).toBe(false);
    expect(await versions(request('/usr/share/vi/deep'))).toEqual(['vim 8-1 x86_64']);
    expect(asked()).toBe(true);
    expect(await versions(request('editor', ['>=', '9']))).toEqual(['vim 8-1 x86_64']);
    expect((await failureOf(versions(request('editor', ['>=', '10'])))).code).toBe('unsatisfiable');
    const [local] = await fetched('vim');
    const needs = [{ library: 'libvi.so.1', bits: 64 as const, package: local! }];
    expect(await source().providersOf?.(needs)).toEqual(new Map([['libvi.so.1', ['vim']]]));
  });

  it('is asked for in vain: the error says what there is', async () => {
    archive.publish(hello);
    expect(renderError(await failureOf(versions(request('helo'))))).toContain('similar names: hello');
    const error = await failureOf(versions(request('hello', ['>=', '3'])));
    expect(renderError(error)).toMatch(/no version of hello is >= 3\n {2}available: 2.0-1 in http/);
  });

  it.each(['gz', 'xz', 'zstd', 'bz2'] as const)('is found in lists packed with %s', async (compression) => {
    archive.publish(hello, { compression, key });
    expect(await versions(request('hello'))).toEqual(['hello 2.0-1 x86_64']);
  });
});

describe('what a package holds', () => {
  const long = `${'d'.repeat(120)}/${'n'.repeat(200)}`;

  it.each(['w6.gzdio', 'w6.xzdio', 'w7.zstdio', 'w6.lzdio', 'w6.bzdio', 'w.ufdio'])(
    'comes out of a payload of %s: modes, links, long names',
    async (payload) => {
      const install = [
        `mkdir -p usr/bin usr/share/${'d'.repeat(120)}`,
        ...[
          `echo long > usr/share/${long}`,
          'echo one > usr/bin/a',
          'ln usr/bin/a usr/bin/b',
          'ln usr/bin/a usr/bin/c',
        ],
        ...['ln -s a usr/bin/link', 'chmod 4755 usr/bin/a', 'touch -d @1000000000 usr/bin/a', ': > usr/bin/empty'],
      ];
      archive.publish([make({ name: 'kinds', version: '1', payload, install, files: ['/usr/bin/*', '/usr/share/*'] })]);
      const [local] = await fetched('kinds');
      const entries = await source().entries(local!);
      const byName = new Map(entries.map((entry) => [entry.name, entry]));
      const text = (name: string) => {
        const content = byName.get(name)?.content;
        if (content?.kind !== 'range') return undefined;
        return readFileSync(content.path)
          .subarray(content.offset, content.offset + content.length)
          .toString();
      };
      const names = ['./usr/bin/a', './usr/bin/b', './usr/bin/c'];
      const file = names.find((name) => byName.get(name)?.kind === 'file') ?? '';
      expect(text(file)).toBe('one\n');
      expect(byName.get(file)).toMatchObject({ mode: 0o4755, mtime: 1_000_000_000 });
      for (const name of names.filter((other) => other !== file))
        expect(byName.get(name)).toMatchObject({ kind: 'hardlink', target: file });
      expect(byName.get('./usr/bin/link')).toMatchObject({ kind: 'symlink', target: 'a' });
      expect(text(`./usr/share/${long}`)).toBe('long\n');
      expect(text('./usr/bin/empty')).toBe('');
    },
  );
});

describe('nothing is used that is not verified', () => {
  it('a package list with a wrong signature', async () => {
    archive.publish(hello);
    appendFileSync(join(archive.directory, 'repodata/repomd.xml'), '\n');
    expect((await failureOf(versions(request('hello')))).code).toBe('verification-failed');
    expect(archive.server.seen.some(({ path }) => path.includes('primary'))).toBe(false);
  });

  it('a package list without a signature', async () => {
    archive.publish(hello, {});
    expect(renderError(await failureOf(versions(request('hello'))))).toContain('the package list is not signed');
  });

  it('a package list signed by a key that is not there: the error says which, and where to put it', async () => {
    archive.publish(hello);
    const missing = join(workshop, 'not-there.asc');
    const repositories = [{ ...archive.repository, keys: [missing] }];
    const message = renderError(await failureOf(source({ repositories }).select([request('hello')])));
    expect(message).toContain(`signed by key ${key.fingerprint.slice(-16).toLowerCase()}`);
    expect(message).toContain(`put it into ${missing}`);
  });

  it('a package signed by the key of another repository', async () => {
    archive.publish([make({ name: 'odd', version: '1', key: stranger })]);
    const other = await makeRpmRepository(hello, stranger);
    const repositories = [archive.repository, other.repository].map((of) => ({ ...of, gpgcheck: true }));
    const error = await failureOf(fetched('odd', { repositories }));
    await other.close();
    expect(error.code).toBe('verification-failed');
    expect(renderError(error)).toContain(`signed by key ${stranger.fingerprint.slice(-16).toLowerCase()}`);
  });

  it('a package without a signature, unless the target says so', async () => {
    archive.publish([makeRpm(workshop, { name: 'bare', version: '1' })]);
    expect(renderError(await failureOf(fetched('bare')))).toContain('the package bare 1-1 is not signed');
    expect(await fetched('bare', { repositories: [archive.repository] })).toHaveLength(1);
  });

  it('a package whose payload is not the one signed, even where the package list has its sha256', async () => {
    const forged = make({ name: 'forged', version: '1' });
    appendFileSync(forged, 'x');
    archive.publish([forged]);
    expect(renderError(await failureOf(fetched('forged')))).toContain('is not the one that was signed');
  });

  it('a package or list with a wrong sha256', async () => {
    archive.publish(hello);
    archive.server.inject('.xml.gz', { kind: 'flip', at: 100 }, 9);
    expect((await failureOf(versions(request('hello')))).code).toBe('verification-failed');
    const rest = await makeRpmRepository(hello, key);
    rest.server.inject('.rpm', { kind: 'flip', at: 3000 }, 9);
    const error = await failureOf(fetched('hello', { repositories: [rest.repository] }));
    await rest.close();
    expect(error.code).toBe('verification-failed');
  });
});

describe('mirrors', () => {
  it('of a mirrorlist are tried in turn', async () => {
    archive.publish(hello);
    writeFileSync(join(archive.directory, 'list'), `# mirrors\n${archive.uri}/away\n${archive.uri}\n`);
    const repositories = [{ ...archive.repository, baseurl: [], mirrorlist: `${archive.uri}/list` }];
    expect(await fetched('hello', { repositories })).toMatchObject([{ url: expect.stringContaining(archive.uri) }]);
  });

  it('of a metalink must have the repomd.xml that it promises', async () => {
    archive.publish(hello, {});
    const repomd = readFileSync(join(archive.directory, 'repodata/repomd.xml'));
    const metalink = (sum: string) => `<?xml version="1.0"?><metalink><files><file name="repomd.xml"><verification>
      <hash type="sha256">${sum}</hash></verification><resources>
      <url protocol="http" preference="90">${archive.uri}/away/repodata/repomd.xml</url>
      <url protocol="http" preference="80">${archive.uri}/repodata/repomd.xml</url>
      </resources></file></files></metalink>`;
    const path = join(archive.directory, 'metalink');
    const of = { ...archive.repository, repoGpgcheck: false, gpgcheck: true, baseurl: [] };
    const repositories = [{ ...of, metalink: `${archive.uri}/metalink` }];
    writeFileSync(path, metalink('0'.repeat(64)));
    const error = await failureOf(fetched('hello', { repositories }));
    expect(renderError(error)).toContain('has another repomd.xml than the metalink promises');
    writeFileSync(path, metalink(createHash('sha256').update(repomd).digest('hex')));
    const [local] = await fetched('hello', { repositories });
    expect(lstatSync(local!.path).size).toBe(local!.size);
  });
});
