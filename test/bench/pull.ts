import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { systemClock } from '../../src/host/clock.ts';
import { silent } from '../../src/host/progress.ts';
import { documentsOf, publish, type PublishedImage } from '../../src/published/registry/publish.ts';
import { openUpload } from '../../src/published/registry/upload.ts';
import { startRegistry, type RunningRegistry } from '../integration/support/registry.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { print, ratio, type Result } from './result.ts';
import { median, mustRun } from './timing.ts';

/**
 * Measures pulling against curl, from a docker-registry on the loopback interface: `node test/bench/pull.ts [MiB] [RUNS]`,
 * with 4096 for 4 GiB. TMPDIR says on which disk; /dev/shm needs room for three times as much.
 */
const mebibytes = Number(process.argv[2] ?? 1024);
const runs = Number(process.argv[3] ?? 5);

const program = [process.execPath, join(import.meta.dirname, 'pull-program.ts')];

/** Writes an image of random bytes, in pieces. */
function makeImage(path: string, size: number, seed = ''): PublishedImage {
  const hash = createHash('sha256');
  const piece = Buffer.alloc(Math.min(size, 2 ** 20));
  writeFileSync(path, '');
  for (let at = 0; at < size; at += piece.length) {
    piece.fill(createHash('sha512').update(`${seed}${at}`).digest());
    hash.update(piece);
    appendFileSync(path, piece);
  }
  const release = { ID: 'debian', VERSION_ID: '13', ARCHITECTURE: 'x86-64' };
  const identity = { name: 'big', version: '1.0', release, architecture: 'x86-64' as const, title: 'big_1.0.raw' };
  return { ...identity, path, size, sha256: hash.digest('hex') };
}

/** Publishes an image and returns the digest of its index, which is what is pulled. */
async function published({ host }: RunningRegistry, repository: string, image: PublishedImage): Promise<string> {
  const registries = new Map([[host, { mirrors: [], plainHttp: true }]]);
  const access = { registries, credentials: () => undefined, env: {}, clock: systemClock };
  const documents = documentsOf({ images: [image], annotations: new Map() });
  await publish(openUpload(access, host, repository), documents, { tags: ['1.0'], progress: silent });
  return documents.index.digest;
}

async function transferResults(registry: RunningRegistry): Promise<Result[]> {
  using work = temporaryDirectory();
  const image = makeImage(work.at('big.raw'), mebibytes * 2 ** 20);
  const small = makeImage(work.at('small.raw'), 4096);
  const big = `oci://${registry.host}/bench/big@${await published(registry, 'bench/big', image)}`;
  const tiny = `oci://${registry.host}/bench/tiny@${await published(registry, 'bench/tiny', small)}`;
  rmSync(image.path);
  const [out, url] = [work.at('out'), `http://${registry.host}/v2/bench/big/blobs/sha256:${image.sha256}`];
  const [times, floors, peaks]: [number[], number[], number[]] = [[], [], []];
  const fetched = (reference: string) => {
    rmSync(out, { force: true });
    const [time, peak] = mustRun([...program, 'fetch', out, reference])
      .split(' ')
      .map(Number);
    return { time: time ?? NaN, peak: peak ?? NaN };
  };
  const least = fetched(tiny).peak;
  for (let run = 0; run <= runs; run++) {
    const ours = fetched(big);
    rmSync(out, { force: true });
    const start = performance.now();
    mustRun(['bash', '-ec', 'curl -sS "$1" | tee "$2" | sha256sum', 'bare', url, out]);
    const floor = performance.now() - start;
    if (run > 0) [times, floors, peaks].forEach((list, at) => list.push([ours.time, floor, ours.peak][at] ?? NaN));
  }
  const added = (median(peaks) - least) / 1024;
  const size = `${mebibytes} MiB`;
  return [
    ratio(`(a) pull of ${size} / curl, tee and sha256sum`, median(times), median(floors), 1.15),
    {
      what: `(b) peak memory that ${size} add to that of 4 KiB`,
      ours: median(times),
      floor: undefined,
      figure: `${added.toFixed(0)} MiB`,
      limit: '64 MiB',
    },
  ];
}

/** Twenty images of 1 MiB, all at a time, in one process of ours and in twenty of curl. */
async function smallResult(registry: RunningRegistry): Promise<Result> {
  using work = temporaryDirectory();
  const images: { readonly reference: string; readonly url: string }[] = [];
  for (let number = 0; number < 20; number++) {
    const image = makeImage(work.at(`${number}.raw`), 2 ** 20, `${number}`);
    const name = `bench/small-${number}`;
    const reference = `oci://${registry.host}/${name}@${await published(registry, name, image)}`;
    images.push({ reference, url: `http://${registry.host}/v2/${name}/blobs/sha256:${image.sha256}` });
  }
  const [ours, floors]: [number[], number[]] = [[], []];
  const fetchAll = 'cd "$1"; shift; for url; do curl -sS -O "$url" & done; wait';
  for (let run = 0; run <= runs; run++) {
    const printed = mustRun([...program, 'fetch-all', work.path, ...images.map(({ reference }) => reference)]);
    for (let number = 0; number < images.length; number++) rmSync(work.at(`${number}`));
    const start = performance.now();
    mustRun(['bash', '-ec', fetchAll, 'bare', work.path, ...images.map(({ url }) => url)]);
    const floor = performance.now() - start;
    if (run > 0) [ours, floors].forEach((list, at) => list.push([Number(printed.split(' ')[0]), floor][at] ?? NaN));
  }
  return ratio(
    '(c) pull of 20 images of 1 MiB at a time, beyond the start of Node / 20 curls',
    median(ours),
    median(floors),
    1.5,
  );
}

/** 5,000 tags of one image, written as the registry keeps them. */
async function choiceResult(registry: RunningRegistry): Promise<Result> {
  using work = temporaryDirectory();
  const digest = await published(registry, 'bench/many', makeImage(work.at('small.raw'), 4096));
  const tags = join(registry.storage, 'docker/registry/v2/repositories/bench/many/_manifests/tags');
  for (let number = 0; number < 5000; number++) {
    const place = join(tags, `0.${number}`, 'current');
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'link'), digest);
  }
  // It takes milliseconds: with few of them it is the warming up of Node that is measured.
  const printed = mustRun([...program, 'choose', String(runs * 10), `oci://${registry.host}/bench/many`]);
  const [list = NaN, choice = NaN] = printed.split(' ').map(Number);
  return ratio('(d) choice among 5,000 tags / one list of them', choice, list, 2);
}

await using registry = await startRegistry({ guarded: false });
print([...(await transferResults(registry)), await smallResult(registry), await choiceResult(registry)]);
