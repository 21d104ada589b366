import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import { createAgent } from '../../src/agent/agent.ts';
import { observe } from '../../src/agent/observation.ts';
import { defaultPolicy, plan, type Desired } from '../../src/agent/plan.ts';
import type { InstalledExtension } from '../../src/agent/records.ts';
import { systemClock } from '../../src/host/clock.ts';
import { createExec } from '../../src/host/exec.ts';
import { median } from './timing.ts';

/**
 * Prints what a plan takes in which one in ten of the extensions that are in place changes, with the observation it is
 * made of, and what reading the same directories and os-release takes, in turn: RUNS.
 */
const [, , runs = '20'] = process.argv;
const [store, extensions] = ['/var/lib/sysext-agent/images', '/var/lib/extensions'];
const agent = createAgent({
  root: '/',
  exec: createExec(process.env),
  clock: systemClock,
  actor: { uid: 0, command: 'bench' },
  waitSeconds: 0,
});

const recorded = recordsOf();
const desired: Desired = {
  extensions: recorded.map((one, index) =>
    index % 10 === 0 ? { ...one, sha256: index.toString(16).padStart(64, 'f') } : one,
  ),
  sources: new Map(recorded.map((_, index) => [index.toString(16).padStart(64, 'f'), '/new.raw'])),
  merge: { verb: 'refresh', options: {} },
};

function recordsOf(): InstalledExtension[] {
  const digests = new Map(readdirSync(store).map((name) => [statSync(join(store, name)).ino, name.slice(0, 64)]));
  return readdirSync(extensions).map((entry) => {
    const { ino, size } = statSync(join(extensions, entry));
    const of = { kind: 'raw' as const, source: entry, release: 'ID=_any\n', installedAt: new Date(0), allowed: [] };
    return { name: entry.slice(0, -4), version: '1', sha256: digests.get(ino) ?? '', size, ...of };
  });
}

async function planned(): Promise<number> {
  const observed = await observe(agent, { names: recorded.map(({ name }) => name) });
  const input = { desired, observed, recorded: { extensions: recorded, held: [], bad: [] }, now: new Date() };
  return plan({ ...input, policy: defaultPolicy }).steps.filter(({ kind }) => kind === 'place').length;
}

/** The files and entries that every plan depends on, without a thought about any of them. */
function bare(): number {
  const directories = ['/etc/extensions', '/run/extensions', '/usr/local/lib/extensions', '/usr/lib/extensions'];
  let bytes = readFileSync('/etc/os-release').length;
  for (const directory of [...directories, extensions, store])
    for (const name of namesIn(directory)) bytes += lstatSync(join(directory, name)).size;
  return bytes;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const times: { readonly ours: number; readonly floor: number }[] = [];
for (let run = 0; run <= Number(runs); run++) times.push({ ours: await timed(planned), floor: await timed(bare) });
if ((await planned()) !== recorded.length / 10) throw new Error('the plan is not the one that was meant');
const [first, ...others] = times;
process.stdout.write(
  JSON.stringify({
    ours: median(others.map(({ ours }) => ours)),
    floor: median(others.map(({ floor }) => floor)),
    first,
  }),
);
