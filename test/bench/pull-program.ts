import { systemClock } from '../../src/host/clock.ts';
import { parseImageReference, type RegistryReference } from '../../src/core/image-reference.ts';
import { systemdVersion } from '../../src/core/systemd-version.ts';
import { choose } from '../../src/published/choice.ts';
import type { RegistryAccess } from '../../src/published/registry/endpoint.ts';
import { createRegistryPublisher } from '../../src/published/registry/registry-publisher.ts';
import { openRepository } from '../../src/published/registry/repository.ts';
import { median } from './timing.ts';

/**
 * What pull.ts measures, in a process of its own: `fetch FILE REFERENCE` fetches an image and prints the milliseconds and the
 * peak memory in KiB, `fetch-all DIRECTORY REFERENCE...` several at a time; `choose RUNS REFERENCE` prints the milliseconds of
 * a list of tags, and of a choice among them.
 */
const [, , action = '', first = '', ...texts] = process.argv;

const references = texts.map((text) => {
  const parsed = parseImageReference(text);
  if ('value' in parsed && parsed.value.kind === 'oci') return parsed.value;
  throw new Error(`no reference: ${text}`);
});

function access({ registry }: RegistryReference): RegistryAccess {
  const registries = new Map([[registry, { mirrors: [], plainHttp: true }]]);
  return { registries, credentials: () => undefined, env: {}, clock: systemClock };
}

function publisher(reference: RegistryReference) {
  const trust = { rules: [], keys: new Map(), clock: systemClock };
  return createRegistryPublisher({ reference, architecture: 'x86-64', trust, access: access(reference) });
}

const host = {
  fields: { ID: 'debian', VERSION_ID: '13' },
  scope: 'system',
  architecture: 'x86-64',
  systemd: systemdVersion(257),
} as const;

async function find(reference: RegistryReference) {
  const from = publisher(reference);
  const { offer } = await choose(from, { host });
  const { sha256 } = await from.vouch(offer);
  const size = offer.blob.size === undefined ? {} : { size: offer.blob.size };
  return (path: string) => from.fetch(offer, { path, sha256, ...size });
}

async function fetchImage(path: string, [reference]: readonly RegistryReference[]): Promise<string> {
  if (reference === undefined) throw new Error('nothing is to be fetched');
  const fetch = await find(reference);
  const start = performance.now();
  await fetch(path);
  return `${performance.now() - start} ${process.resourceUsage().maxRSS}`;
}

async function fetchAll(directory: string): Promise<string> {
  const start = performance.now();
  await Promise.all(references.map(async (one, at) => (await find(one))(`${directory}/${at}`)));
  return `${performance.now() - start} ${process.resourceUsage().maxRSS}`;
}

async function chooseVersion(runs: number, [reference]: readonly RegistryReference[]): Promise<string> {
  if (reference === undefined) throw new Error('nothing is to be chosen from');
  const [lists, choices]: [number[], number[]] = [[], []];
  for (let run = 0; run <= runs; run++) {
    const start = performance.now();
    await openRepository(access(reference), reference.registry, reference.repository).tags();
    const between = performance.now();
    await choose(publisher(reference), { host });
    if (run > 0)
      [lists, choices].forEach((times, at) => times.push([between - start, performance.now() - between][at] ?? 0));
  }
  return `${median(lists)} ${median(choices)}`;
}

const actions: Readonly<Record<string, () => Promise<string>>> = {
  fetch: () => fetchImage(first, references),
  'fetch-all': () => fetchAll(first),
  choose: () => chooseVersion(Number(first), references),
};

process.stdout.write((await actions[action]?.()) ?? '');
