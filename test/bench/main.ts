import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { contentsResults } from './contents.ts';
import { fleetResults } from './fleet.ts';
import { historyResults } from './history.ts';
import { lookupResult } from './lookup.ts';
import { refreshResults } from './refresh.ts';
import { ratio, print, type Result } from './result.ts';
import { medians, mustRun, type Timed } from './timing.ts';

/**
 * Measures the program that ships against the bare tools, in one run. It runs inside test/lab/playground, where / is a
 * throw-away root; `npm run bench` takes it there.
 */
const top = join(import.meta.dirname, '../..');
const agent = [process.execPath, join(top, 'dist/main.cjs')];
const cache = '/var/cache/sysext-agent';
const work = join(cache, 'bench');
const place = '/var/lib/extensions/my-sysext.raw';
const runs = Number(process.argv[2] ?? 15);

/** Extensions and their store on a disk, where making them durable costs something. */
function useDisk(): void {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(join(work, 'lib/extensions'), { recursive: true });
  mustRun(['mount', '--bind', join(work, 'lib'), '/var/lib']);
}

/** What is built for trixie is for another release than this host may have; nobody runs it here. */
const install = [...agent, 'install', '--allow=symbol-version'];

const node: Timed = { argv: [process.execPath, '-e', '0'] };

/** (a) and (b): a build whose packages are in the cache, and one whose image is there too. */
function buildResults(): Result[] {
  const out = join(work, 'out');
  const build = [...agent, 'build', join(top, 'examples/my-sysext.yml'), '--target=trixie', `--output=${out}`];
  const { packages } = JSON.parse(mustRun([...build, '--refresh', '--json=short'])) as {
    packages: { sha256: string }[];
  };
  const debs = packages.map(({ sha256 }) => join(cache, 'packages', `${sha256}.deb`));
  const tree = join(work, 'tree');
  const makeImage = 'mkfs.erofs --quiet -zlz4hc -x-1 --all-root --preserve-mtime "$1.raw" "$1"';
  const bare = `mkdir "$1"; for deb in "\${@:2}"; do dpkg-deb -x "$deb" "$1"; done; ${makeImage}`;
  const { warm, unchanged, floor, start } = medians(
    {
      warm: {
        argv: build,
        prepare: () => {
          rmSync(join(cache, 'built'), { recursive: true, force: true });
          rmSync(out, { recursive: true, force: true });
        },
      },
      unchanged: { argv: build },
      floor: {
        argv: ['bash', '-ec', bare, 'bare', tree, ...debs],
        prepare: () => {
          rmSync(tree, { recursive: true, force: true });
        },
      },
      start: node,
    },
    runs,
  );
  return [
    ratio('(a) build of my-sysext, packages cached / dpkg-deb -x and mkfs.erofs', warm, floor, 1.25),
    ratio('(b) unchanged build / build (a)', unchanged, warm, 0.15),
    ratio("(b') the same, both without Node's own start", unchanged - start, warm - start, 0.15),
  ];
}

/** (d): a ready image against copying it by hand and the bare tool. */
function installResult(): Result {
  const name = readdirSync(join(work, 'out'))[0] ?? '';
  const image = join(work, 'my-sysext.raw');
  cpSync(join(work, 'out', name), image);
  const {
    installed: ours,
    floor,
    start,
  } = medians(
    {
      installed: {
        argv: [...install, image],
        prepare: () => {
          rmSync(place, { force: true });
          mustRun([...agent, 'refresh']);
        },
      },
      floor: {
        argv: ['bash', '-ec', `cp "$1" ${place}; sync ${place}; systemd-sysext refresh`, 'bare', image],
        prepare: () => {
          rmSync(place, { force: true });
          mustRun(['systemd-sysext', 'refresh']);
        },
      },
      start: node,
    },
    runs,
  );
  const figure = `${(ours - floor - start).toFixed(0)} ms`;
  return {
    what: "(d) install of a ready image - by hand - Node's start",
    ours,
    floor: floor + start,
    figure,
    limit: '150 ms',
  };
}

/** (c): what people look at. */
function viewResults(): Result[] {
  const { status, list, start } = medians(
    { status: { argv: [...agent, 'status'] }, list: { argv: [...agent, 'list'] }, start: node },
    runs,
  );
  return [ratio('(c) status / node -e 0', status, start, 2), ratio('(c) list / node -e 0', list, start, 2)];
}

/** (g): memory is what counts. */
function primaryResult(): Result {
  const printed = mustRun(['env', `TMPDIR=${work}`, process.execPath, join(import.meta.dirname, 'primary.ts')]);
  const [, seconds, peak] = /, ([\d.]+) s, .* (\d+) MiB in all, answers right/.exec(printed) ?? [];
  if (peak === undefined) throw new Error(printed);
  const what = '(g) index of a primary.xml of 40,000 packages, peak memory';
  return { what, ours: Number(seconds) * 1000, floor: undefined, figure: `${peak} MiB`, limit: '200 MiB' };
}

/** (a) to (g): one extension. */
async function oneResults(): Promise<Result[]> {
  const built = buildResults();
  const installed = installResult();
  rmSync(place);
  mustRun([...install, join(work, 'my-sysext.raw')]);
  const viewed = viewResults();
  const checked = contentsResults(work, agent, join(top, 'examples/my-sysext.yml'), node, runs);
  const looked = await lookupResult(work, top, join(cache, 'indexes'), node, runs);
  mustRun([...agent, 'remove', 'my-sysext']);
  return [...built, ...viewed, installed, ...checked, looked, primaryResult()];
}

useDisk();
const only = process.argv[3];
const one = only === undefined ? await oneResults() : [];
const many = only === 'refresh' ? [] : [...historyResults(work, agent, runs), ...fleetResults(work, agent, runs)];
print([...one, ...many, ...(await refreshResults(work, agent, runs))]);
