import { chmodSync, copyFileSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { readElfFile } from '../../src/host/elf-file.ts';
import { ratio, type Result } from './result.ts';
import { medians, mustRun, type Timed } from './timing.ts';

const objects = 300;
const files = 5000;

/**
 * (e): `lint` of a spec and `check` of a large image, all rules and what its programs need, against unpacking the image.
 * Its ELF objects are those of this host, small and large as they come, and what they need is looked for here.
 */
export function contentsResults(
  work: string,
  agent: readonly string[],
  spec: string,
  node: Timed,
  runs: number,
): Result[] {
  const image = makeImage(join(work, 'large'));
  const out = join(work, 'unpacked');
  const unpack = {
    argv: ['fsck.erofs', `--extract=${out}`, image],
    prepare: () => {
      rmSync(out, { recursive: true, force: true });
    },
  };
  const { check, lint, floor, start } = medians(
    {
      // Programs that this host got otherwise may need what its own libraries do not have.
      check: { argv: [...agent, 'check', '--allow=symbol-version', image] },
      lint: { argv: [...agent, 'lint', spec] },
      floor: unpack,
      start: node,
    },
    runs,
  );
  return [
    ratio(`(e) lint, and check of ${files} files and ${objects} ELF objects / fsck.erofs`, check + lint, floor, 0.5),
    ratio("(e') the same without Node's own starts", check + lint - 2 * start, floor, 0.5),
  ];
}

function makeImage(directory: string): string {
  const tree = join(directory, 'tree');
  const [programs, texts, releases] = ['opt/large/lib', 'usr/share/large', 'usr/lib/extension-release.d'].map((path) =>
    join(tree, path),
  ) as [string, string, string];
  for (const path of [programs, texts, releases]) mkdirSync(path, { recursive: true });
  for (const path of hostObjects()) {
    copyFileSync(path, join(programs, basename(path)));
    chmodSync(join(programs, basename(path)), 0o755);
  }
  for (let number = 0; number < files - objects - 1; number++) writeText(texts, number);
  writeFileSync(join(releases, 'extension-release.large'), 'ID=_any\n');
  const image = join(directory, 'large.raw');
  mustRun(['mkfs.erofs', '--quiet', '-zlz4hc', '-x-1', '--all-root', image, tree]);
  return image;
}

/** Up to 9 KiB, 100 directories. */
function writeText(directory: string, number: number): void {
  const place = join(directory, String(number % 100));
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, `${number}.txt`), `Line ${number} of some text.\n`.repeat(1 + (number % 360)));
}

/** Every so many of the programs and libraries of this host. */
function hostObjects(): string[] {
  const libraries = `/usr/lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu`;
  const found = ['/usr/bin', libraries].flatMap((directory) =>
    readdirSync(directory)
      .sort()
      .map((name) => join(directory, name))
      .filter((path) => lstatSync(path).isFile() && readElfFile(path).kind === 'object'),
  );
  if (found.length < objects) throw new Error(`this host has ${found.length} ELF objects only`);
  return Array.from({ length: objects }, (_, index) => found[Math.floor((index * found.length) / objects)] ?? '');
}
