import { describe, expect, test } from 'vitest';

import { annotationsOf, saidBy } from '../../../../src/published/registry/annotations.ts';
import { chooseManifest } from '../../../../src/published/registry/index-choice.ts';
import { decodeManifest, type Index, type Manifest } from '../../../../src/published/registry/manifest.ts';
import { imageIn } from '../../../../src/published/registry/media-types.ts';

const digest = `sha256:${'0a'.repeat(32)}`;
const title = (name: string) => ({ 'org.opencontainers.image.title': name });

interface Layer {
  readonly mediaType: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

function decoded(document: object): Manifest | Index {
  const result = decodeManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, ...document })));
  if ('problem' in result) throw new Error(result.problem);
  return result.value;
}

function found(layers: readonly Layer[], artifactType?: string): unknown {
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest, size: 2 };
  const manifest = decoded({ config, artifactType, layers: layers.map((layer) => ({ ...layer, digest, size: 1 })) });
  if (manifest.kind !== 'manifest') throw new Error('an index');
  const result = imageIn(manifest, '0b'.repeat(32));
  if ('reason' in result) return result.reason;
  const { blob } = result;
  return [blob.form, ...(blob.layers ?? [blob]).map(({ compression }) => compression)];
}

describe('the image in a manifest', () => {
  const octets = 'application/octet-stream';
  const tar = 'application/vnd.oci.image.layer.v1.tar';

  test.each<[Layer[], unknown]>([
    [[{ mediaType: 'application/vnd.systemd.sysext.image.v1+raw' }], ['raw', 'none']],
    [[{ mediaType: 'application/vnd.frostyard.sysext.layer.v1.raw+zstd' }], ['raw', 'zstd']],
    [[{ mediaType: 'application/vnd.frostyard.sysext.layer.v1.raw+xz' }], ['raw', 'xz']],
    [[{ mediaType: 'application/vnd.frostyard.sysext.layer.v1.raw' }], ['raw', 'none']],
    [[{ mediaType: 'application/vnd.katl.sysext.raw.v1' }], ['raw', 'none']],
    [[{ mediaType: 'application/vnd.katl.confext.raw.v1' }], 'it is a confext'],
    [
      [{ mediaType: 'application/vnd.wrasse.dx.sysext.raw.v1' }, { mediaType: 'text/plain' }],
      ['raw', 'none'],
    ],
    [[{ mediaType: 'application/vnd.sysext.raw.v1+raw' }], ['raw', 'none']],
    [[{ mediaType: octets, annotations: title('jq.raw') }], ['raw', 'none']],
    [
      [{ mediaType: octets, annotations: title('jq.raw.zst') }, { mediaType: 'text/plain' }],
      ['raw', 'zstd'],
    ],
    [[{ mediaType: tar, annotations: title('jq.raw.gz') }], ['raw', 'gzip']],
    [[{ mediaType: `${tar}+gzip` }], ['tar', 'gzip']],
    [[{ mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' }], ['tar', 'gzip']],
    [
      [{ mediaType: tar }, { mediaType: `${tar}+zstd` }],
      ['tar', 'none', 'zstd'],
    ],
    [[{ mediaType: tar }, { mediaType: octets }], 'it has no image'],
    [[{ mediaType: tar }, { mediaType: `${tar}+zstd+encrypted` }], 'it has no image'],
    [Array.from({ length: 128 }, () => ({ mediaType: tar })), 'it has 128 layers, more than 127'],
    [[{ mediaType: octets }], 'it has no image'],
    [[{ mediaType: octets, annotations: title('jq.raw.rar') }], 'it has no image'],
    [
      ['a.raw', 'b.raw'].map((name) => ({ mediaType: octets, annotations: title(name) })),
      'it has 2 images where one is expected',
    ],
    [[], 'it has no image'],
  ])('%j is %j', (layers, expected) => {
    expect(found(layers)).toEqual(expected);
  });
});

describe('a document', () => {
  const descriptor = { mediaType: 'a/b', digest, size: 1 };

  test.each([
    ['a manifest and an index', { manifests: [], layers: [], config: descriptor }],
    ['neither', {}],
    ['of another schema', { schemaVersion: 1, manifests: [] }],
    ['with the type of the other', { manifests: [], mediaType: 'application/vnd.oci.image.manifest.v1+json' }],
    ['with a digest that is none', { config: descriptor, layers: [{ ...descriptor, digest: '../../x' }] }],
    ['with a size that is none', { config: descriptor, layers: [{ ...descriptor, size: -1 }] }],
    ['with too many entries', { manifests: Array.from({ length: 1001 }, () => descriptor) }],
  ])('that is %s is refused', (_, document) => {
    expect(decodeManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, ...document })))).toHaveProperty('problem');
  });
});

describe('annotations', () => {
  const release = { ID: 'debian', VERSION_ID: '13', ARCHITECTURE: 'arm64' };

  test('say again what they were made of', () => {
    const said = saidBy(annotationsOf({ name: 'jq', version: '1.7', release, title: 'x.raw' }), 'other');
    expect(said).toEqual({ name: 'jq', version: '1.7', architecture: 'arm64', release });
  });

  test('of others say a name where the file is called as the repository, and no other', () => {
    const said = (name: string) => saidBy(new Map(Object.entries(title(name))), 'jq').name;
    expect([said('jq_1.7.raw'), said('jq-1.7-x86-64.raw.zst'), said('jqq.raw'), said('tool-jq.raw')]).toEqual([
      'jq',
      'jq',
      undefined,
      undefined,
    ]);
  });
});

describe('of an index', () => {
  const member = (architecture: string | undefined, id: string, os = 'linux') => ({
    mediaType: 'a/b',
    digest: `sha256:${Buffer.from(id.padEnd(32)).toString('hex')}`,
    size: 1,
    ...(architecture === undefined ? {} : { platform: { os, architecture } }),
    annotations: { 'io.github.sysextagent.sysext.id': id },
  });
  const chosen = (...manifests: readonly object[]) => {
    const index = decoded({ manifests });
    if (index.kind !== 'index') throw new Error('no index');
    const choice = chooseManifest(index, 'arm64', ({ ID }) => ID === 'debian');
    return 'reason' in choice ? choice.reason : choice.descriptor.annotations.get('io.github.sysextagent.sysext.id');
  };

  test('the image for the architecture is chosen, then the one that fits, then the first', () => {
    expect(chosen(member('amd64', 'debian'), member('arm64', 'fedora'))).toBe('fedora');
    expect(chosen(member('arm64', 'fedora'), member('arm64', 'debian'))).toBe('debian');
    expect(chosen(member('arm64', 'fedora'), member('arm64', 'arch'))).toBe('fedora');
    expect(chosen(member(undefined, 'any'), member('arm64', 'fedora'))).toBe('fedora');
    expect(chosen(member(undefined, 'any'), member('amd64', 'fedora'))).toBe('any');
    expect(chosen(member('amd64', 'debian'), member('unknown', 'debian', 'unknown'))).toBe('it is for x86-64');
    expect(chosen(member('arm64', 'debian', 'windows'))).toBe('its index names no image');
  });
});
