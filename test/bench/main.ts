import { cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

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

const node: Timed = { argv: [process.execPath, '-e', '0'] };

interface Result {
  readonly what: string;
  readonly ours: number;
  readonly floor: number;
  readonly figure: string;
  readonly limit: string;
}

function ratio(what: string, ours: number, floor: number, limit: number): Result {
  return { what, ours, floor, figure: (ours / floor).toFixed(2), limit: limit.toFixed(2) };
}

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
  const { install, floor, start } = medians(
    {
      install: {
        argv: [...agent, 'install', image],
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
  const figure = `${(install - floor - start).toFixed(0)} ms`;
  return {
    what: "(d) install of a ready image - by hand - Node's start",
    ours: install,
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

function print(results: readonly Result[]): void {
  const width = Math.max(...results.map(({ what }) => what.length));
  const line = (cells: readonly string[]) =>
    `${(cells[0] ?? '').padEnd(width)}  ${cells
      .slice(1)
      .map((cell) => cell.padStart(9))
      .join('')}\n`;
  process.stdout.write(line(['', 'ours ms', 'floor ms', 'figure', 'limit']));
  for (const { what, ours, floor, figure, limit } of results) {
    process.stdout.write(line([what, ours.toFixed(1), floor.toFixed(1), figure, limit]));
  }
}

useDisk();
const built = buildResults();
const installed = installResult();
rmSync(place);
mustRun([...agent, 'install', join(work, 'my-sysext.raw')]);
print([...built, ...viewResults(), installed]);
