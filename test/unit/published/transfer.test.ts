import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';

import { expect, test } from 'vitest';

import { sha256 } from '../../../src/host/digest.ts';
import { createExec } from '../../../src/host/exec.ts';
import { processMark } from '../../../src/host/processes.ts';
import type { Offer, Publisher } from '../../../src/published/publisher.ts';
import { transfer, type Landing } from '../../../src/published/transfer.ts';
import { vouchForDigest } from '../../../src/published/trust/trust.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const image = Buffer.from('the image');
const packed = gzipSync(image);

/** How a name says whose a file is. */
function of(pid: number): string {
  const { startedAt = '1' } = processMark(pid) ?? {};
  return `of-${pid}-${startedAt}-${readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '')}-0a`;
}

const living = of(1);
/** No process has such a number. */
const ended = of(2 ** 22 + 1);

function world(sent: Buffer) {
  const work = temporaryDirectory();
  let fetched = 0;
  const publisher = {
    fetch: async (_: Offer, { path }: { path: string }) => {
      fetched += 1;
      await sleep(1);
      writeFileSync(path, sent);
    },
  } as unknown as Publisher;
  const compression = sent === packed ? 'gzip' : 'none';
  const offer: Offer = {
    version: { version: '1', key: '1' },
    reference: 'https://r.example/jq-1.raw',
    blob: { sha256: sha256(sent), compression, form: 'raw' },
  };
  const landing: Landing = {
    directory: work.at('incoming'),
    exec: createExec(process.env),
    now: new Date(),
    known: () => undefined,
    imageOf: () => Promise.reject(new Error('it is no archive')),
  };
  mkdirSync(landing.directory);
  const bring = () => transfer(publisher, offer, vouchForDigest(sha256(sent)), landing);
  const put = (name: string, bytes: Buffer) => {
    writeFileSync(join(landing.directory, name), bytes);
  };
  return {
    bring,
    put,
    left: () => readdirSync(landing.directory),
    fetches: () => fetched,
    [Symbol.dispose]: () => {
      work[Symbol.dispose]();
    },
  };
}

test.each([
  ['as it is', image],
  ['packed', packed],
])('an image that is sent %s is nobody else’s who wants it at the same time', async (_, sent) => {
  using here = world(sent);

  const [one, other] = await Promise.all([here.bring(), here.bring()]);
  rmSync(one.path);

  expect(existsSync(one.path)).toBe(false);
  expect([readFileSync(other.path), other.sha256]).toEqual([image, sha256(image)]);
  expect(here.left()).toHaveLength(1);
});

test('an image that came before is not fetched again, and is still there for who has it', async () => {
  using here = world(image);

  const [one, other] = [await here.bring(), await here.bring()];

  expect([readFileSync(one.path), readFileSync(other.path), here.fetches()]).toEqual([image, image, 1]);
  rmSync(one.path);
  expect(readFileSync(other.path)).toEqual(image);
});

test.each([
  ['as it is', image, 'raw'],
  ['packed', packed, 'packed'],
])('what a killed process had fetched %s is not fetched again', async (_, sent, kind) => {
  using here = world(sent);
  here.put(`${sha256(sent)}.${ended}.${kind}`, sent);

  const { path } = await here.bring();

  expect([readFileSync(path), here.fetches(), here.left().length]).toEqual([image, 0, 1]);
});

test('a tree in layers is made of all of them in their order, each fetched once', async () => {
  using work = temporaryDirectory();
  const layers = [gzipSync('one'), Buffer.from('two'), gzipSync('one')];
  const made: string[][] = [];
  const fetched: string[] = [];
  const sent = new Map(layers.map((layer) => [sha256(layer), layer]));
  const publisher = {
    fetch: (_: Offer, wanted: { path: string; sha256: string }) => {
      fetched.push(wanted.sha256);
      writeFileSync(wanted.path, sent.get(wanted.sha256) ?? '');
      return Promise.resolve();
    },
  } as unknown as Publisher;
  const compressions = ['gzip', 'none', 'gzip'] as const;
  const described = layers.map((layer, at) => ({ sha256: sha256(layer), compression: compressions[at] ?? 'none' }));
  const blob = { sha256: 'ab'.repeat(32), compression: 'none', form: 'tar', layers: described } as const;
  const offer: Offer = { version: { version: '1', key: '1' }, reference: 'oci://r.example/jq', blob };
  const landing: Landing = {
    directory: work.at('incoming'),
    exec: createExec(process.env),
    now: new Date(),
    known: () => undefined,
    imageOf: (archives, output) => {
      made.push(archives.map((path) => readFileSync(path, 'utf8')));
      if (made.length === 1) return Promise.reject(new Error('no room'));
      writeFileSync(output, image);
      return Promise.resolve();
    },
  };
  const bring = () => transfer(publisher, offer, vouchForDigest(blob.sha256), landing);

  await expect(bring()).rejects.toThrow('no room');
  const { path, sha256: brought } = await bring();

  expect(made).toEqual([
    ['one', 'two', 'one'],
    ['one', 'two', 'one'],
  ]);
  expect(fetched.sort()).toEqual([...sent.keys()].sort());
  expect([readFileSync(path), brought]).toEqual([image, sha256(image)]);
  expect(readdirSync(landing.directory)).toEqual([basename(path)]);
});

test('what is left of the same name and damaged is fetched again', async () => {
  using here = world(image);
  here.put(`${sha256(image)}.${ended}.raw`, Buffer.from('damaged'));

  const { path } = await here.bring();

  expect([readFileSync(path), here.fetches(), here.left().length]).toEqual([image, 1, 1]);
});

test('what killed processes had unpacked is removed, and what others work at is not', async () => {
  using here = world(packed);
  here.put(`${sha256(image)}.${ended}.raw`, image);
  here.put(`${sha256(packed)}.${ended}.unpacked`, image);
  here.put(`${sha256(packed)}.${living}.unpacked`, image);

  await here.bring();

  expect(here.left()).toHaveLength(2);
  expect(here.left()).toContain(`${sha256(packed)}.${living}.unpacked`);
});
