import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { temporaryDirectory, type TarMember } from '../support/archives.ts';
import { publishLayers } from './support/container-image.ts';
import { erofsImage, extensionImage, releaseOf } from './support/images.ts';
import { startNginx, type Nginx } from './support/nginx.ts';
import { quickAgent, type QuickAgent } from './support/quick-agent.ts';
import { startRegistry, type RunningRegistry } from './support/registry.ts';

let nginx: Nginx;
let registry: RunningRegistry;
let host: QuickAgent;
let place: string;

beforeAll(async () => {
  nginx = await startNginx();
  registry = await startRegistry({ guarded: false });
  host = await quickAgent();
  place = `${nginx.http}/`;
  const server = new URL(nginx.http).host;
  host.put(
    'etc/sysext-agent/agent.yml',
    Buffer.from(
      [
        `web_servers: {"${server}": {plain_http: true}}`,
        `registries: {"${registry.host}": {plain_http: true}}`,
        `trust: [{place: "${nginx.http}", unsigned: allowed}, {place: "oci://${registry.host}", unsigned: allowed}]`,
        '',
      ].join('\n'),
    ),
  );
  await host.keep();
});

beforeEach(() => host.restore());

afterAll(async () => {
  await host[Symbol.asyncDispose]();
  await nginx[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** What the server has from now on. */
function publish(files: Readonly<Record<string, Buffer>>): void {
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(nginx.files, name), bytes);
  const lines = Object.entries(files).map(([name, bytes]) => `${sha256(bytes)}  ${name}\n`);
  writeFileSync(join(nginx.files, 'SHA256SUMS'), lines.join(''));
}

const merged = (name: string) => host.shell(`cat usr/share/${name}/version`);

interface Listed {
  readonly extensions: readonly { readonly name: string; readonly version: string }[];
}

const versions = async () =>
  (await host.json<Listed>('list')).extensions.map(({ name, version }) => `${name} ${version}`);

test('the newest version that is asked for is fetched, merged, and remembered with who vouched for it', async () => {
  publish({
    'jq-1.7-x86-64.raw': extensionImage('jq', '1.7'),
    'jq-1.8-x86-64.raw': extensionImage('jq', '1.8'),
    'jq-1.9-arm64.raw': extensionImage('jq', '1.9'),
    'yq-4-x86-64.raw': extensionImage('yq', '4'),
  });

  expect(await host.ok('install', place, '--name=jq', '--range=<2', '--dry-run')).toContain('would: copy jq from');
  expect(await host.shell('ls var/lib/sysext-agent/incoming')).toBe('');
  await host.ok('install', place, '--name=jq', '--range=<2');

  expect(await merged('jq')).toBe('1.8\n');
  expect(await versions()).toEqual(['jq 1.8']);
  const { operation } = await host.json<{ operation: { set: readonly object[] } }>('history', '1');
  expect(operation.set).toMatchObject([
    {
      source: `${place}jq-1.8-x86-64.raw`,
      published: {
        from: place,
        versions: '<2',
        place: nginx.http,
        blob: sha256(extensionImage('jq', '1.8')),
        vouchedBy: `the settings of this host, which take unsigned images from ${nginx.http}`,
      },
    },
  ]);
  expect(await host.shell('ls var/lib/sysext-agent/incoming')).toBe('');
  expect(await host.ok('explain', 'jq')).toContain('Who vouched for it: the settings of this host');
});

test('an upgrade finds what came since, and an older version is refused until it is asked for', async () => {
  publish({ 'jq-1.7.raw': extensionImage('jq', '1.7') });
  await host.ok('install', place, '--name=jq');
  publish({ 'jq-1.7.raw': extensionImage('jq', '1.7'), 'jq-1.8.raw': extensionImage('jq', '1.8') });

  const { extensions } = await host.json<{ extensions: readonly object[] }>('upgrade', '--check');
  expect(extensions).toMatchObject([{ name: 'jq', installed: '1.7', state: 'newer', newest: '1.8' }]);
  expect(await merged('jq')).toBe('1.7\n');
  expect(await host.ok('upgrade')).toContain('jq 1.8');
  expect(await merged('jq')).toBe('1.8\n');
  expect(await host.ok('upgrade')).toContain('There is nothing newer.');

  publish({ 'jq-1.7.raw': extensionImage('jq', '1.7') });
  const refused = await host.agent('install', place, '--name=jq');
  expect(refused).toMatchObject({ exitCode: 6 });
  expect(refused.stderr).toContain(`jq 1.7 is older than 1.8, which ${nginx.http} had before`);
  expect(await merged('jq')).toBe('1.8\n');

  await host.ok('install', place, '--name=jq', '--allow-downgrade');
  expect(await merged('jq')).toBe('1.7\n');
});

test('a packed image is unpacked, and not fetched again where it is here', async () => {
  publish({ 'jq-2.raw.zst': zstdCompressSync(extensionImage('jq', '2')) });
  await host.ok('install', place, '--name=jq');
  expect(await merged('jq')).toBe('2\n');

  writeFileSync(join(nginx.files, 'jq-2.raw.zst'), 'gone');
  expect(await host.ok('upgrade')).toContain('There is nothing newer.');
});

test('an image that was damaged in the store is fetched again', async () => {
  publish({ 'jq-3.raw': extensionImage('jq', '3') });
  await host.ok('install', place, '--name=jq');
  await host.shell(
    'printf x | dd of="$(echo var/lib/sysext-agent/images/*.raw)" bs=1 seek=2000 conv=notrunc 2>/dev/null',
  );

  await host.ok('install', place, '--name=jq');

  expect(await host.shell('sha256sum var/lib/sysext-agent/images/*.raw | cut -d" " -f1')).toBe(
    `${sha256(extensionImage('jq', '3'))}\n`,
  );
  expect(await merged('jq')).toBe('3\n');
});

test('the tree in an archive becomes an image', async () => {
  using tree = temporaryDirectory();
  const release = 'usr/lib/extension-release.d';
  execFileSync('mkdir', ['-p', tree.at(release), tree.at('usr/share/tree'), tree.at('etc')]);
  writeFileSync(tree.at(`${release}/extension-release.tree`), 'ID=_any\n');
  writeFileSync(tree.at('usr/share/tree/version'), '3\n');
  writeFileSync(tree.at('etc/hosts'), 'left out\n');
  const archive = execFileSync('tar', ['-cz', '--owner=0', '--group=0', '-C', tree.path, 'usr', 'etc']);
  writeFileSync(join(nginx.files, 'tree-3.tar.gz'), archive);
  const asked = [`${place}tree-3.tar.gz`, `--sha256=${sha256(archive)}`];

  await host.ok('install', ...asked);

  expect(await merged('tree')).toBe('3\n');
  expect(await host.ok('install', ...asked)).toContain('Already installed: tree 3');
  expect(await host.shell('ls var/lib/sysext-agent/incoming')).toBe('');
});

/** Publishes a container image of these layers. @returns the reference that installs it. */
async function layered(name: string, layers: readonly (readonly TarMember[])[]): Promise<string> {
  await publishLayers(registry.host, name, layers);
  return `oci://${registry.host}/${name}:1.0`;
}

test('a container image of several layers becomes one image, each layer over those below it', async () => {
  const release = { name: 'rootfs/usr/lib/extension-release.d/extension-release.layered', content: 'ID=_any\n' };
  const share = 'rootfs/usr/share/layered';
  const reference = await layered('layered', [
    [{ name: 'manifest.yaml', content: 'version: v1alpha1\n' }, release],
    [
      { name: `${share}/version`, content: 'old' },
      { name: `${share}/gone`, content: 'x' },
      { name: `${share}/kept`, content: 'kept' },
      { name: `${share}/out`, type: '2', target: '/etc' },
    ],
    [
      { name: `${share}/version`, content: 'new' },
      { name: `${share}/.wh.gone` },
      { name: `${share}/again`, type: '1', target: `${share}/kept` },
      { name: `${share}/out/passwd`, content: 'root::0:0' },
    ],
  ]);
  expect((await host.agent('install', reference)).exitCode).toBe(0);
  expect(await merged('layered')).toBe('new');
  expect(await host.shell('cd usr/share/layered; echo *; cat again; readlink out')).toBe(
    'again kept out version\nkept/etc\n',
  );
  expect(await host.shell('grep root::0:0 etc/passwd 2>/dev/null || echo none')).toBe('none\n');
  expect((await host.agent('pull', reference)).stderr).toContain('it comes in 3 layers');

  const forTalos = await layered('talos', [
    [{ name: 'manifest.yaml', content: 'version: v1alpha1\n' }],
    [{ name: 'rootfs/usr/share/talos/version', content: '1' }],
  ]);
  const { exitCode: refused, stderr: why } = await host.agent('install', forTalos);
  expect([refused, why]).toEqual([5, expect.stringContaining('it carries no extension-release file')]);
  expect(why).toContain(
    'Ask who made the image to add /usr/lib/extension-release.d/extension-release.talos, which says for which systems ' +
      'it is (extension-release(5)), or build one of its files from a spec.',
  );

  const hostile: readonly (readonly TarMember[])[] = [
    [{ name: 'usr/../../../etc/passwd', content: 'x' }],
    [{ name: 'usr/null', type: '3' }],
    [{ name: 'usr/passwd', type: '1', target: '../../etc/passwd' }],
    [
      { name: 'usr/a', type: '2', target: 'b' },
      { name: 'usr/b', type: '2', target: 'a' },
      { name: 'usr/a/c', content: 'x' },
    ],
  ];
  for (const [at, members] of hostile.entries()) {
    const { exitCode, stderr } = await host.agent('install', await layered(`bad${at}`, [[], members]));
    expect([exitCode, stderr]).toEqual([7, expect.not.stringContaining('    at ')]);
  }
  expect(await versions()).toEqual(['layered 1.0']);
});

test('what a coming system would leave out is fetched for it, where it is published', async () => {
  const image = (name: string, version: string, os: string) =>
    erofsImage({ ...releaseOf(name, `ID=scratch\nVERSION_ID=${os}\n`), [`usr/share/${name}/version`]: `${version}\n` });
  const [old, other] = [image('jq', '1.7', '1'), image('yq', '4', '1')];
  publish({ 'jq-1.7.raw': old, 'yq-4.raw': other });
  for (const name of ['jq', 'yq']) await host.ok('install', place, `--name=${name}`);
  publish({ 'jq-1.7.raw': old, 'jq-1.8.raw': image('jq', '1.8', '2') });
  const coming = host.put('coming', Buffer.from('ID=scratch\nVERSION_ID=2\n'));

  const { exitCode, stdout, stderr } = await host.agent('check-os', `--os-release=${coming}`, '--fetch');

  expect(exitCode).toBe(5);
  expect(stdout).toContain('Prefetched jq 1.8');
  expect(stdout).toMatch(/^jq +1\.8 +yes, in the place of 1\.7$/m);
  expect(stdout).toMatch(/^yq +4 +no: /m);
  expect(stderr).toContain(`warning: nothing for yq: ${nginx.http} has no versions`);
  expect(await merged('jq')).toBe('1.7\n');
});

test('nothing is taken from where nobody is trusted, and the message says how to', async () => {
  publish({ 'jq-1.7.raw': extensionImage('jq', '1.7') });
  host.put(
    'etc/sysext-agent/agent.yml',
    Buffer.from(`web_servers: {"${new URL(nginx.http).host}": {plain_http: true}}\n`),
  );

  const { exitCode, stderr } = await host.agent('install', place, '--name=jq');

  expect(exitCode).toBe(6);
  expect(stderr).toContain('trust:');
  expect(await versions()).toEqual([]);

  const digest = sha256(extensionImage('jq', '1.7'));
  await host.ok('install', `${place}jq-1.7.raw`, `--sha256=${digest}`);
  expect(await merged('jq')).toBe('1.7\n');
});

test('what is not what was promised is not kept', async () => {
  publish({ 'jq-1.7.raw': extensionImage('jq', '1.7') });
  writeFileSync(join(nginx.files, 'jq-1.7.raw'), extensionImage('jq', '6.6.6'));

  const { exitCode, stderr } = await host.agent('install', place, '--name=jq');

  expect(exitCode).toBe(6);
  expect(stderr).toContain('is not the file that was promised');
  expect(await host.shell('ls var/lib/sysext-agent/incoming')).toBe('');
  expect(await versions()).toEqual([]);
});
