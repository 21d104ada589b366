import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { expect, test } from 'vitest';

import { sha256 } from '../../../../src/host/digest.ts';
import { createExec } from '../../../../src/host/exec.ts';
import { openBundle, startPacking } from '../../../../src/published/bundle/archive.ts';
import { decodeContents, encodeContents, type BundledExtension } from '../../../../src/published/bundle/contents.ts';
import { temporaryDirectory } from '../../../support/archives.ts';

const list = Buffer.from('a list');
const image = Buffer.from('an image'.repeat(1000));

const jq: BundledExtension = {
  name: 'jq',
  from: 'https://example.org/jq/',
  versions: '<2',
  version: '1.7',
  key: 'jq-1.7.raw',
  architecture: 'x86-64',
  blob: sha256(image),
  documents: new Map([['files/SHA256SUMS', sha256(list)]]),
};

/** Writes a bundle as `bundle export` does. */
async function packed(file: string): Promise<void> {
  using packing = startPacking(file, createExec(process.env));
  packing.add(list);
  writeFileSync(packing.pathOf(sha256(image)), image);
  await packing.finish([jq]);
}

/** A tar archive of these files. */
function archive(files: Readonly<Record<string, string | Buffer>>, ...more: readonly string[]): Buffer {
  using tree = temporaryDirectory();
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(tree.at(name)), { recursive: true });
    writeFileSync(tree.at(name), bytes);
  }
  const args = ['-c', '--hard-dereference', '-C', tree.path, ...Object.keys(files), ...more];
  return execFileSync('tar', args, { maxBuffer: 64 * 1024 * 1024 });
}

function opened(bytes: Buffer): () => unknown {
  return () => {
    using work = temporaryDirectory();
    writeFileSync(work.at('b'), bytes);
    const bundle = openBundle(work.at('b'));
    return bundle.extensions.map((one) => bundle.documentsOf(one));
  };
}

const good = {
  'bundle.json': encodeContents([jq]),
  [`blobs/${sha256(list)}`]: list,
  [`blobs/${sha256(image)}`]: image,
};

test('what is packed is found again, and gives the same bytes each time', async () => {
  using work = temporaryDirectory();
  await packed(work.at('b'));
  await packed(work.at('again'));

  const bundle = openBundle(work.at('b'));
  expect(bundle.extensions).toEqual([jq]);
  expect(bundle.documentsOf(jq)).toEqual(new Map([['files/SHA256SUMS', list]]));
  await bundle.fetch({ path: work.at('image'), sha256: jq.blob });
  expect(readFileSync(work.at('image'))).toEqual(image);
  expect(readFileSync(work.at('again'))).toEqual(readFileSync(work.at('b')));
});

test.each<[what: string, bytes: () => Buffer, why: string]>([
  ['is cut off', () => archive(good).subarray(0, 3000), 'the archive ends within the contents of an entry'],
  ['is no archive', () => Buffer.alloc(4096, 'x'), 'a number in the header is malformed'],
  ['is empty', () => Buffer.alloc(0), 'the archive is truncated'],
  ['has no list of what is in it', () => archive({ [`blobs/${sha256(list)}`]: list }), 'there is no bundle.json in it'],
  ['has a path in it', () => archive({ ...good, 'etc/passwd': 'x' }), '"etc/passwd" belongs in no bundle'],
  ['has a name twice', () => archive(good, 'bundle.json'), 'bundle.json is there twice'],
  [
    'has another document than it says',
    () => archive({ ...good, [`blobs/${sha256(list)}`]: 'another' }),
    `blobs/${sha256(list)} is not what it is called by`,
  ],
  ['lacks a document', () => archive({ 'bundle.json': encodeContents([jq]) }), `blobs/${sha256(list)} is not in it`],
  [
    'has a large document',
    () => {
      const large = Buffer.alloc(5 * 1024 * 1024);
      const documents = new Map([['files/SHA256SUMS', sha256(large)]]);
      return archive({ 'bundle.json': encodeContents([{ ...jq, documents }]), [`blobs/${sha256(large)}`]: large });
    },
    'is larger than the 4194304 bytes allowed',
  ],
])('a bundle that %s is refused', (_, bytes, why) => {
  expect(opened(bytes())).toThrow(expect.objectContaining({ code: 'verification-failed' }));
  expect(opened(bytes())).toThrow(why);
});

test.each<[what: string, text: string, why: string]>([
  ['that is no JSON', '{', 'it is no JSON'],
  ['of a later version', '{"format": 2}', 'a bundle of format 2'],
  ['without extensions', '{"format": 1}', 'extensions is not a list'],
  ['with a path for a name', encodeContents([{ ...jq, name: '../jq' }]), 'it is no name of an extension'],
  ['with a name twice', encodeContents([jq, jq]), 'jq is there twice'],
  ['with a path for a digest', encodeContents([{ ...jq, blob: '../../etc/passwd' }]), 'blob is not a sha256'],
  ['with control characters', encodeContents([{ ...jq, version: '1\u001b[2J' }]), 'version is not text'],
])('a bundle.json %s is refused', (_, text, why) => {
  expect(() => decodeContents(text, 'b')).toThrow(why);
});
