import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';

import { temporaryDirectory } from '../support/archives.ts';
import { publishLayers } from './support/container-image.ts';
import { cosignSignature, makeCosignKey, signManifest } from './support/cosign.ts';
import { erofsImage, extensionImage, releaseOf } from './support/images.ts';
import { startNginx } from './support/nginx.ts';
import { quickAgent, type QuickAgent } from './support/quick-agent.ts';
import { startRegistry } from './support/registry.ts';

let work: ReturnType<typeof temporaryDirectory>;
let host: QuickAgent;
/** Where extensions were published: nothing answers there any more. */
let places: { readonly jq: string; readonly yq: string; readonly nq: string; readonly layered: string };
/** What was fetched by its digest. */
let digest: string;

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const bundle = (name: string) => work.at(`${name}.bundle`);

interface Pushed {
  readonly reference: string;
}

beforeAll(async () => {
  work = temporaryDirectory();
  makeCosignKey(work.at('fleet.key'), work.at('fleet.pub'));
  makeCosignKey(work.at('other.key'), work.at('other.pub'));
  host = await quickAgent();
  await host.keep();
  await exportAll();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
  work[Symbol.dispose]();
});

/** Publishes, installs and exports on a host that trusts everything, with a network that is gone afterwards. */
async function exportAll(): Promise<void> {
  await using registry = await startRegistry({ guarded: false });
  await using nginx = await startNginx();
  const server = new URL(nginx.http).host;
  const tools = `oci://${registry.host}/tools`;
  places = { jq: `${tools}/jq`, yq: `${nginx.http}/`, nq: `${tools}/nq`, layered: `${tools}/layered` };
  configure(
    `registries: {"${registry.host}": {plain_http: true}}\nweb_servers: {"${server}": {plain_http: true}}`,
    [registry.host, server].map(
      (one, index) => `{place: "${index === 0 ? 'oci' : 'http'}://${one}", unsigned: allowed}`,
    ),
  );
  const list = Buffer.from(['2', '3'].map((version) => `${sha256(packed(version))}  yq-${version}.raw.zst\n`).join(''));
  writeFileSync(join(nginx.files, 'yq-2.raw.zst'), packed('2'));
  writeFileSync(join(nginx.files, 'SHA256SUMS'), list);
  writeFileSync(join(nginx.files, 'SHA256SUMS.sig'), cosignSignature(work.at('fleet.key'), list));
  const pushed = await push('jq', places.jq);
  ({ reference: digest } = await push('nq', places.nq));
  await host.ok('install', places.jq, '--range=1.*');
  await host.ok('install', places.yq, '--name=yq', '--range=<3');
  await host.ok('install', digest);

  await host.ok('bundle', 'export', 'jq', bundle('unsigned'));
  await signManifest(registry.host, 'tools/jq', pushed.reference.split('@')[1] ?? '', work.at('fleet.key'));
  expect(await host.ok('bundle', 'export', 'jq', 'yq', bundle('good'))).toContain(`jq 1.7 from ${places.jq}`);
  await host.ok('bundle', 'export', 'yq', 'jq', bundle('again'));
  await host.ok('bundle', 'export', 'nq', bundle('by-digest'));
  await exportLayers(registry.host);

  await host.ok('install', host.image('file'));
  const byHand = await host.agent('bundle', 'export', 'file', bundle('none'));
  expect(byHand.stderr).toContain('file was not fetched: there is nobody who vouches for it elsewhere');
  writeFileSync(join(nginx.files, 'SHA256SUMS'), `${sha256(packed('3'))}  yq-3.raw.zst\n`);
  const gone = await host.agent('bundle', 'export', 'yq', bundle('none'));
  expect(gone.stderr).toContain('has no more what is installed as yq 2');
  expect(execFileSync('ls', ['-A', work.path], { encoding: 'utf8' })).not.toMatch(/none|tmp/);
}

/** Of what was made here of several layers the bundle has these, as they were published. */
async function exportLayers(registry: string): Promise<void> {
  const share = 'usr/share/layered';
  const layers = [
    [...Object.entries(releaseOf('layered')), [`${share}/old`, 'x'], [`${share}/kept`, 'kept\n']],
    [
      [`${share}/.wh.old`, ''],
      [`${share}/version`, '1\n'],
    ],
  ].map((files) => files.map(([name = '', content = '']) => ({ name, content })));
  const made = await publishLayers(registry, 'tools/layered', layers);
  await host.ok('install', places.layered);
  await signManifest(registry, 'tools/layered', made, work.at('fleet.key'));
  await host.ok('bundle', 'export', 'layered', bundle('layers'));
}

const packed = (version: string) => zstdCompressSync(extensionImage('yq', version));

async function push(name: string, place: string): Promise<Pushed> {
  const image = { ...releaseOf(name, 'ID=_any\nSYSEXT_VERSION_ID=1.7\n'), [`usr/share/${name}/version`]: '1.7\n' };
  return host.json('push', host.put(`${name}.raw`, erofsImage(image)), place);
}

function configure(more: string, trust: readonly string[]): void {
  host.put('etc/sysext-agent/agent.yml', Buffer.from(`${more}\ntrust: [${trust.join(', ')}]\n`));
}

/** Makes it another host: it knows nothing of the network, and trusts a key. */
function trusting(key: string): void {
  host.put(`etc/sysext-agent/keys/${key}`, readFileSync(work.at(key)));
  const [registry = ''] = /^oci:\/\/[^/]+/.exec(places.jq) ?? [];
  configure(
    '',
    [registry, places.yq].map((place) => `{place: "${place}", keys: [${key}]}`),
  );
}

beforeEach(async () => {
  await host.restore();
  trusting('fleet.pub');
});

const merged = (name: string) => host.shell(`cat usr/share/${name}/version`);
const installed = async () => (await host.json<{ extensions: readonly object[] }>('list')).extensions;

test('the same extensions give the same bytes, whatever order they are named in', () => {
  expect(readFileSync(bundle('again')).equals(readFileSync(bundle('good')))).toBe(true);
});

test('what was signed is installed without a network, and remembers where it is from', async () => {
  expect(await host.ok('bundle', 'import', '--dry-run', bundle('good'))).toContain('would:');
  expect(await installed()).toEqual([]);

  await host.ok('bundle', 'import', bundle('good'));

  expect([await merged('jq'), await merged('yq')]).toEqual(['1.7\n', '2\n']);
  const { operation } = await host.json<{ operation: { set: readonly object[] } }>('history', '1');
  expect(operation.set).toMatchObject([
    { name: 'jq', published: { from: places.jq, versions: '1.*', vouchedBy: 'cosign key fleet.pub' } },
    { name: 'yq', published: { from: places.yq, place: places.yq.slice(0, -1), vouchedBy: 'cosign key fleet.pub' } },
  ]);
  expect(await host.shell('ls var/lib/sysext-agent/incoming')).toBe('');
});

test('what was asked for by its digest is taken where that is known here, too', async () => {
  const known = digest.split('@sha256:')[1] ?? '';
  const { exitCode, stderr } = await host.agent('bundle', 'import', bundle('by-digest'));
  expect([exitCode, stderr]).toEqual([6, expect.stringContaining('has no good signature')]);
  await host.ok('bundle', 'import', bundle('by-digest'), `--sha256=${known}`);
  expect(await merged('nq')).toBe('1.7\n');
});

test('what comes in layers has them all in its bundle, and is made of them where it is installed', async () => {
  const spoiled = altered(
    'spoiled-layer',
    (tree) => {
      const layer = readdirSync(join(tree, 'blobs')).find((name) =>
        readFileSync(join(tree, 'blobs', name)).includes('.wh.old'),
      );
      writeFileSync(join(tree, 'blobs', layer ?? ''), 'another');
    },
    'layers',
  );
  expect(await host.agent('bundle', 'import', spoiled)).toMatchObject({
    exitCode: 6,
    stderr: expect.stringContaining('is not the file that was promised'),
  });
  expect(await installed()).toEqual([]);

  await host.ok('bundle', 'import', bundle('layers'));

  expect(await host.shell('cd usr/share/layered; cat version kept; ls')).toBe('1\nkept\nkept\nversion\n');
  expect(await installed()).toMatchObject([{ name: 'layered', version: '1.0' }]);
  expect(await host.shell('ls var/lib/sysext-agent/incoming')).toBe('');
});

/** A bundle that somebody made of another one. */
function altered(name: string, change: (tree: string) => void, from = 'good'): string {
  const tree = work.at(`${name}.tree`);
  mkdirSync(tree, { recursive: true });
  execFileSync('tar', ['-xf', bundle(from), '-C', tree]);
  change(tree);
  execFileSync('tar', ['-cf', bundle(name), '-C', tree, 'bundle.json', 'blobs']);
  return bundle(name);
}

const replaced = (tree: string, change: (text: string) => string) => {
  writeFileSync(join(tree, 'bundle.json'), change(readFileSync(join(tree, 'bundle.json'), 'utf8')));
};

interface Contents {
  readonly extensions: { readonly blob: string; readonly documents: Record<string, string> }[];
}

const contentsOf = (tree: string) => JSON.parse(readFileSync(join(tree, 'bundle.json'), 'utf8')) as Contents;

const refused: readonly (readonly [what: string, make: () => string, why: string])[] = [
  ['is unsigned', () => bundle('unsigned'), 'has no good signature by a key that is trusted there'],
  [
    'another key signed',
    () => {
      trusting('other.pub');
      return bundle('good');
    },
    'has no good signature by a key that is trusted there',
  ],
  [
    'has another image',
    () =>
      altered('image', (tree) => {
        writeFileSync(join(tree, 'blobs', contentsOf(tree).extensions[1]?.blob ?? ''), packed('6'));
      }),
    'is not the file that was promised',
  ],
  [
    'has another list, and says so',
    () =>
      altered('list', (tree) => {
        const list = Buffer.from(`${sha256(packed('6'))}  yq-2.raw.zst\n`);
        writeFileSync(join(tree, 'blobs', sha256(list)), list);
        replaced(tree, (text) => text.replace(/("files\/SHA256SUMS": )"\w+"/, `$1"${sha256(list)}"`));
      }),
    'SHA256SUMS has no good signature',
  ],
  [
    'is called by another name',
    () =>
      altered('name', (tree) => {
        replaced(tree, (text) => text.replace('"name": "jq"', '"name": "zq"'));
      }),
    'published is not zq 1.7',
  ],
  [
    'calls what is in a list by another name',
    () =>
      altered('listed', (tree) => {
        replaced(tree, (text) => text.replace('"name": "yq"', '"name": "zq"'));
      }),
    'proves zq 2',
  ],
  [
    'is said to be from elsewhere',
    () =>
      altered('place', (tree) => {
        replaced(tree, (text) => text.replace(places.jq, 'oci://elsewhere.example/jq'));
      }),
    'nobody is trusted to publish jq at oci://elsewhere.example/jq',
  ],
];

test('nothing is installed of a bundle that does not prove what is in it', async () => {
  for (const [what, make, why] of refused) {
    const { exitCode, stderr } = await host.agent('bundle', 'import', make());
    expect([what, exitCode, stderr]).toEqual([what, 6, expect.stringContaining(why)]);
    trusting('fleet.pub');
  }
  expect(await installed()).toEqual([]);
});
