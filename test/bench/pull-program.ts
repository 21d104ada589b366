import { systemClock } from '../../src/host/clock.ts';
import { parseImageReference } from '../../src/core/image-reference.ts';
import { systemdVersion } from '../../src/core/systemd-version.ts';
import { choose } from '../../src/published/choice.ts';
import type { RegistryAccess } from '../../src/published/registry/endpoint.ts';
import { createRegistryPublisher } from '../../src/published/registry/registry-publisher.ts';
import { openRepository } from '../../src/published/registry/repository.ts';
import { median } from './timing.ts';

/**
 * What pull.ts measures, in a process of its own: `fetch REFERENCE FILE` fetches an image and prints the milliseconds and the
 * peak memory in KiB; `choose REFERENCE RUNS` prints the milliseconds of a list of tags, and of a choice among them.
 */
const [, , action = '', text = '', last = ''] = process.argv;

const parsed = parseImageReference(text);
if (!('value' in parsed) || parsed.value.kind !== 'oci') throw new Error(`no reference: ${text}`);
const reference = parsed.value;

function access(): RegistryAccess {
  const registries = new Map([[reference.registry, { mirrors: [], plainHttp: true }]]);
  return { registries, credentials: () => undefined, env: {}, clock: systemClock };
}

function publisher() {
  const trust = { rules: [], keys: new Map(), clock: systemClock };
  return createRegistryPublisher({ reference, architecture: 'x86-64', trust, access: access() });
}

const host = {
  fields: { ID: 'debian', VERSION_ID: '13' },
  scope: 'system',
  architecture: 'x86-64',
  systemd: systemdVersion(257),
} as const;

async function fetchImage(path: string): Promise<string> {
  const from = publisher();
  const { offer } = await choose(from, { host });
  const { sha256 } = await from.vouch(offer);
  const start = performance.now();
  await from.fetch(offer, { path, sha256, ...(offer.blob.size === undefined ? {} : { size: offer.blob.size }) });
  return `${performance.now() - start} ${process.resourceUsage().maxRSS}`;
}

async function chooseVersion(runs: number): Promise<string> {
  const [lists, choices]: [number[], number[]] = [[], []];
  for (let run = 0; run <= runs; run++) {
    const start = performance.now();
    await openRepository(access(), reference.registry, reference.repository).tags();
    const between = performance.now();
    await choose(publisher(), { host });
    if (run > 0)
      [lists, choices].forEach((times, at) => times.push([between - start, performance.now() - between][at] ?? 0));
  }
  return `${median(lists)} ${median(choices)}`;
}

process.stdout.write(action === 'fetch' ? await fetchImage(last) : await chooseVersion(Number(last)));
