import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { systemClock } from '../../src/host/clock.ts';
import type { RegistryAccess } from '../../src/published/registry/endpoint.ts';
import { manifestType } from '../../src/published/registry/manifest.ts';
import { openRepository } from '../../src/published/registry/repository.ts';
import { openUpload } from '../../src/published/registry/upload.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { makeCosignKey, signManifest } from './support/cosign.ts';
import { erofsImage, releaseOf } from './support/images.ts';
import { freePort } from './support/nginx.ts';
import { startRegistry, type RunningRegistry } from './support/registry.ts';

const program = resolve(import.meta.dirname, '../../bin/sysext-agent');

let plain: RunningRegistry;
let guarded: RunningRegistry;
let work: ReturnType<typeof temporaryDirectory>;
let images: { readonly amd64: string; readonly arm64: string; readonly newer: string; readonly foreign: string };

beforeAll(async () => {
  [plain, guarded] = await Promise.all([startRegistry({ guarded: false }), startRegistry({ guarded: true })]);
  work = temporaryDirectory();
  mkdirSync(work.at('root/etc/sysext-agent/keys'), { recursive: true });
  writeFileSync(work.at('root/etc/os-release'), 'ID=debian\nVERSION_ID=13\n');
  mkdirSync(work.at('signed/etc/sysext-agent/keys'), { recursive: true });
  writeFileSync(work.at('signed/etc/os-release'), 'ID=debian\nVERSION_ID=13\n');
  images = {
    amd64: image('jq_1.7_x86-64.raw', 'ID=debian\nVERSION_ID=13\nARCHITECTURE=x86-64\n'),
    arm64: image('jq_1.7_arm64.raw', 'ID=debian\nVERSION_ID=13\nARCHITECTURE=arm64\n'),
    newer: image('jq_1.8~rc1_x86-64.raw', 'ID=debian\nVERSION_ID=13\nARCHITECTURE=x86-64\n'),
    foreign: image('jq_1.9_x86-64.raw', 'ID=fedora\nVERSION_ID=42\nARCHITECTURE=x86-64\n'),
  };
  settings(`registries: {"${plain.host}": {plain_http: true}}`, [`{place: "oci://${plain.host}", unsigned: allowed}`]);
});

afterAll(async () => {
  await Promise.all([plain[Symbol.asyncDispose](), guarded[Symbol.asyncDispose]()]);
  work[Symbol.dispose]();
});

function image(name: string, release: string): string {
  const path = work.at(name);
  writeFileSync(path, erofsImage({ ...releaseOf('jq', release), 'usr/share/jq/name': name }));
  return path;
}

function settings(registries: string, trust: readonly string[], root = 'root'): void {
  writeFileSync(work.at(`${root}/etc/sysext-agent/agent.yml`), `${registries}\ntrust: [${trust.join(', ')}]\n`);
}

interface Ran {
  readonly status: number | null;
  readonly output: string;
  readonly value: Record<string, unknown>;
}

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}, root = 'root'): Ran {
  const { status, stdout, stderr } = spawnSync(program, [...args, `--root=${work.at(root)}`, '--json=short'], {
    env: { PATH: process.env['PATH'] ?? '', HOME: work.path, ...env },
    encoding: 'utf8',
  });
  const value = stdout.startsWith('{') ? (JSON.parse(stdout) as Record<string, unknown>) : {};
  return { status, output: stdout + stderr, value };
}

function ok(args: readonly string[], env: Readonly<Record<string, string>> = {}, root = 'root') {
  const { status, output, value } = run(args, env, root);
  if (status !== 0) throw new Error(`exit code ${status}: ${args.join(' ')}\n${output}`);
  return value;
}

const pull = (reference: string, ...more: readonly string[]) => [
  'pull',
  reference,
  `--output=${work.at('out')}`,
  `--architecture=x86-64`,
  ...more,
];
const skopeo = (...args: readonly string[]) => execFileSync('skopeo', args, { encoding: 'utf8', stdio: 'pipe' });
const bytesOf = (path: unknown) => readFileSync(String(path));
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex');

function access(): RegistryAccess {
  const registries = new Map([[plain.host, { mirrors: [], plainHttp: true }]]);
  return { registries, credentials: () => undefined, env: {}, clock: systemClock };
}

describe('what is pushed', () => {
  test('is an index of which each architecture gets its own, byte by byte', () => {
    const place = `oci://${plain.host}/tools/jq`;
    const pushed = ok(['push', images.amd64, images.arm64, place, '--tag=latest']);
    expect(pushed).toMatchObject({ name: 'jq', version: '1.7', tags: ['1.7', 'latest'] });
    const here = ok(pull(place));
    expect(here).toMatchObject({ name: 'jq', version: '1.7', architecture: 'x86-64', passedOver: [] });
    expect(bytesOf(here['path'])).toEqual(bytesOf(images.amd64));
    const there = ok(pull(`${place}:latest`, '--architecture=arm64'));
    expect(there).toMatchObject({ version: '1.7', architecture: 'arm64' });
    expect(bytesOf(there['path'])).toEqual(bytesOf(images.arm64));
    const again = ok(['push', images.amd64, images.arm64, place]);
    expect(again['reference']).toBe(pushed['reference']);
    expect(again['images']).toMatchObject([{ transfer: 'there' }, { transfer: 'there' }]);
    const pinned = ok(pull(String(pushed['reference'])));
    expect(pinned['vouchedFor']).toEqual({ by: 'the digest that was asked for', signed: false });
  });

  test('is what skopeo understands, and what it copies can be pulled', () => {
    const place = `${plain.host}/tools/jq`;
    ok(['push', images.amd64, images.arm64, `oci://${place}`]);
    const insecure = ['--src-tls-verify=false', '--dest-tls-verify=false'];
    expect(JSON.parse(skopeo('inspect', '--tls-verify=false', `docker://${place}:1.7`))).toMatchObject({
      Layers: [`sha256:${sha256(bytesOf(images.amd64))}`],
    });
    skopeo('copy', '--all', ...insecure, `docker://${place}:1.7`, `docker://${plain.host}/copied/jq:1.7`);
    skopeo('copy', '--src-tls-verify=false', `docker://${place}:1.7`, `oci:${work.at('layout')}:1.7`);
    skopeo('copy', '--dest-tls-verify=false', `oci:${work.at('layout')}:1.7`, `docker://${plain.host}/single/jq:1.7`);
    for (const name of ['copied', 'single']) {
      const copied = ok(pull(`oci://${plain.host}/${name}/jq`));
      expect(bytesOf(copied['path'])).toEqual(bytesOf(images.amd64));
    }
    expect(run(pull(`oci://${plain.host}/single/jq`, '--architecture=arm64')).output).toContain('it is for x86-64');
  });

  test('is chosen from by version and system, without a byte of the others', () => {
    const place = `oci://${plain.host}/many/jq`;
    for (const path of [images.amd64, images.newer, images.foreign]) ok(['push', path, place, '--mount-from=tools/jq']);
    const found = ok(pull(place, '--dry-run'));
    expect(found).toMatchObject({ version: '1.8~rc1', passedOver: [{ version: '1.9' }] });
    expect(JSON.stringify(found['passedOver'])).toContain('ID=fedora');
    expect(existsSync(String(found['path']))).toBe(false);
    expect(ok(pull(`${place}:1.8__rc1`))['version']).toBe('1.8~rc1');
  });

  test('goes together, or is not sent', () => {
    const place = `oci://${plain.host}/refused/jq`;
    const mixed = run(['push', images.amd64, images.newer, place]);
    expect([mixed.status, mixed.output]).toEqual([2, expect.stringContaining('cannot be published as one')]);
    expect(run(['push', images.amd64, images.amd64, place]).output).toContain('are for the same systems');
    expect(ok(['push', images.amd64, place, '--dry-run'])['tags']).toEqual(['1.7']);
    const missing = run(pull(place));
    expect([missing.status, missing.output]).toEqual([1, expect.stringContaining('has no refused/jq')]);
  });
});

describe('trust', () => {
  test('takes nothing unsigned unless it is told to, and what is signed by its key, as index or as manifest', async () => {
    const key = work.at('cosign.key');
    makeCosignKey(key, work.at('signed/etc/sysext-agent/keys/fleet.pub'));
    settings(
      `registries: {"${plain.host}": {plain_http: true}}`,
      [`{place: "oci://${plain.host}", keys: [fleet.pub]}`],
      'signed',
    );
    for (const [repository, which] of [
      ['signed/index', 'reference'],
      ['signed/manifest', 'manifest'],
    ] as const) {
      const place = `oci://${plain.host}/${repository}`;
      const pushed = ok(['push', images.amd64, place]);
      expect(run(pull(place, '--name=jq'), {}, 'signed').status).toBe(6);
      const [first] = pushed['images'] as { manifest: string }[];
      const digest = which === 'manifest' ? first!.manifest : String(pushed['reference']).split('@')[1]!;
      await signManifest(plain.host, repository, digest, key);
      const pulled = ok(pull(place, '--name=jq'), {}, 'signed');
      expect(pulled['vouchedFor']).toEqual({ by: 'cosign key fleet.pub', signed: true });
    }
  });
});

describe('how it is reached', () => {
  test('plain http is for registries that the settings name, on this host too', () => {
    settings('registries: {}', [], 'signed');
    const { status, output } = run(pull(`oci://${plain.host}/tools/jq`), {}, 'signed');
    expect([status, output]).toEqual([1, expect.stringContaining(`cannot fetch https://${plain.host}`)]);
  });

  test('with its own certificate, a user and a password, which are never shown', () => {
    const place = `oci://${guarded.host}/tools/jq`;
    const push = ['push', images.amd64, place];
    const login = (password: string) => {
      const auth = Buffer.from(`${guarded.user.name}:${password}`).toString('base64');
      writeFileSync(work.at('auth.json'), JSON.stringify({ auths: { [guarded.host]: { auth } } }));
      return { REGISTRY_AUTH_FILE: work.at('auth.json') };
    };
    settings('registries: {}', [], 'signed');
    expect(run(push, login(guarded.user.password), 'signed').output).toContain('self-signed certificate');
    const registries = `registries: {"${guarded.host}": {ca: ${guarded.certificate}}}`;
    settings(registries, [`{place: "oci://${guarded.host}", unsigned: allowed}`], 'signed');
    expect(run(push, {}, 'signed').output).toContain(`skopeo login ${guarded.host}`);
    const wrong = run(push, login('sesame-17'), 'signed');
    expect([wrong.status, wrong.output]).toEqual([1, expect.stringContaining('refuses access to tools/jq')]);
    expect(wrong.output).not.toContain('sesame');
    ok(push, login(guarded.user.password), 'signed');
    mkdirSync(join(work.at('credentials')), { recursive: true });
    writeFileSync(work.at('credentials/registry-auth.json'), readFileSync(work.at('auth.json')));
    const pulled = ok(pull(place), { CREDENTIALS_DIRECTORY: work.at('credentials') }, 'signed');
    expect(bytesOf(pulled['path'])).toEqual(bytesOf(images.amd64));
  });

  test('by a mirror where there is one, and past one that is away', async () => {
    const [away, nowhere] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
    ok(['push', images.amd64, `oci://${plain.host}/cache/mirrored/jq`]);
    const mirrored = `"${nowhere}": {mirrors: ["${away}", "${plain.host}/cache"]}`;
    settings(
      `registries: {${mirrored}, "${plain.host}": {plain_http: true}, "${away}": {plain_http: true}}`,
      [`{place: "oci://${nowhere}", unsigned: allowed}`],
      'signed',
    );
    const pulled = ok(pull(`oci://${nowhere}/mirrored/jq`), {}, 'signed');
    expect(bytesOf(pulled['path'])).toEqual(bytesOf(images.amd64));
  });
});

test('a large blob is sent in pieces, one of another repository is mounted, and what is removed is gone', async () => {
  const content = Buffer.alloc(1_000_001, 'pieces');
  const blob = { sha256: sha256(content), size: content.length, content };
  const [one, other] = ['pieces/one', 'pieces/other'].map((name) => openUpload(access(), plain.host, name));
  expect(await one!.blob(blob, { chunkSize: 300_000 })).toBe('sent');
  expect(await one!.blob(blob)).toBe('there');
  expect(await other!.blob(blob, { from: 'pieces/one' })).toBe('mounted');
  const repository = openRepository(access(), plain.host, 'pieces/one');
  expect(await repository.blob({ digest: `sha256:${blob.sha256}`, size: blob.size }, 2_000_000)).toEqual(content);
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: `sha256:${blob.sha256}`, size: blob.size };
  const document = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers: [config] });
  const digest = await one!.manifest(document, manifestType, 'gone');
  expect((await repository.manifest('gone')).digest).toBe(digest);
  await one!.remove(digest);
  await expect(repository.manifest(digest)).rejects.toThrow(expect.objectContaining({ code: 'no-such-file' }));
  expect(await repository.referrers(digest)).toEqual([]);
});
