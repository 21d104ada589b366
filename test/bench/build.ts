import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { buildingHost } from '../lab/build-host.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { print, ratio, type Result } from './result.ts';
import { measure, mustRun } from './timing.ts';

/**
 * Measures building from source: `npm run bundle && node test/bench/build.ts [RUNS]`, as root. The build root is made before,
 * where the cache of the tests does not have it. Of each command the fastest of the runs counts, which take turns.
 */
const program = resolve(import.meta.dirname, '../../dist/main.cjs');
const runs = Number(process.argv[2] ?? 7);

/** A program of one file, or of so many that compiling them takes seconds. */
interface Example {
  readonly name: string;
  readonly command: string;
  /** Its files, each time other ones. */
  sources(number: number): Readonly<Record<string, string>>;
}

const small: Example = {
  name: 'bench-small',
  command: 'gcc -O2 -static -o program src/main.c',
  sources: (number) => ({ 'main.c': `#include <stdio.h>\nint main(void) { return puts("${number}") < 0; }\n` }),
};

const files = 60;

const large: Example = {
  name: 'bench-large',
  command: 'for file in src/*.c; do gcc -O2 -c "$file" -o "${file%.c}.o"; done; gcc -static -o program src/*.o',
  sources: (number) => ({
    ...Object.fromEntries(Array.from({ length: files }, (_, index) => [`part${index}.c`, partOf(index, number)])),
    'main.c': `${declared()}int main(void) { return (${sum((index) => `part${index}(1)`)}) == 0; }\n`,
  }),
};

function declared(): string {
  return Array.from({ length: files }, (_, index) => `long part${index}(long);\n`).join('');
}

function sum(term: (index: number) => string): string {
  return Array.from({ length: files }, (_, index) => term(index)).join(' + ');
}

/** Loops that a compiler has something to do with. */
function partOf(part: number, number: number): string {
  const functions = Array.from(
    { length: 40 },
    (_, index) => `static long f${index}(long n) {
  long table[32], total = ${number};
  for (long i = 0; i < 32; i++) table[i] = (n ^ i) * ${part + index + 1};
  for (long i = 0; i < n; i++) for (long j = 1; j < 31; j++) total += table[j] * table[j - 1] - (i << (j & 7));
  return total;
}\n`,
  );
  const calls = functions.map((_, index) => `f${index}(n)`).join(' + ');
  return `${functions.join('')}long part${part}(long n) { return ${calls}; }\n`;
}

function specOf({ name, command }: Example): string {
  return `name: ${name}
version: '1.0'
revision: '1'
license: MIT
description: built to see how long it takes
website: https://example.org
sources: {src: {context: {}, path: ${name}}}
build: {steps: [{command: '${command}'}]}
artifacts: {binaries: {program: {name: ${name}}}}
`;
}

function writeSources(directory: string, example: Example, number: number): void {
  mkdirSync(directory, { recursive: true });
  for (const [name, text] of Object.entries(example.sources(number))) writeFileSync(join(directory, name), text);
}

/** The tree of the build root that a build used, with a /dev/null, as a directory to change root to. */
function bareRoot(cache: string, provenance: string, at: string): void {
  mustRun(['cp', '--archive', '--reflink=auto', join(cache, 'roots', buildRootIn(provenance)), at]);
  mustRun(['bash', '-c', 'rm -f "$0/dev/null"; mknod -m 666 "$0/dev/null" c 1 3', at]);
}

function buildRootIn(provenance: string): string {
  const { predicate } = JSON.parse(provenance) as {
    predicate: {
      buildDefinition: { resolvedDependencies: { digest: { sha256: string }; annotations: { kind: string } }[] };
    };
  };
  const { resolvedDependencies } = predicate.buildDefinition;
  return resolvedDependencies.find(({ annotations }) => annotations.kind === 'build-root')?.digest.sha256 ?? '';
}

async function results(): Promise<Result[]> {
  const { root, cache } = await buildingHost();
  using work = temporaryDirectory();
  let number = process.pid * 1000;
  const build = ({ name }: Example) => [
    ...[process.execPath, program, 'build', work.at(`${name}.yml`), `--root=${root}`, '--target=trixie'],
    ...[`--output=${work.at('out')}`, '--json=short'],
  ];
  for (const example of [small, large]) {
    writeFileSync(work.at(`${example.name}.yml`), specOf(example));
    writeSources(work.at(example.name), example, number);
  }
  const { provenance } = JSON.parse(mustRun(build(small))) as { provenance: string };
  const { unchanged, start } = measure(
    { unchanged: { argv: () => build(small) }, start: { argv: () => [process.execPath, '-e', '0'] } },
    runs * 3,
  );
  const bare = work.at('bare');
  bareRoot(cache, readFileSync(provenance, 'utf8'), bare);
  const against = (example: Example, limit: number): Result => {
    const place = join(bare, 'build');
    const script = `cd /build; ${example.command}`;
    const { ours, floor } = measure(
      {
        ours: {
          argv: () => build(example),
          prepare: () => {
            writeSources(work.at(example.name), example, ++number);
          },
        },
        floor: {
          argv: () => ['chroot', bare, '/bin/sh', '-exc', script],
          prepare: () => {
            rmSync(place, { recursive: true, force: true });
            cpSync(work.at(example.name), join(place, 'src'), { recursive: true });
          },
        },
      },
      runs,
    );
    const what = `build of ${example.name}, its source changed / its commands in a bare chroot`;
    return limit > 0
      ? ratio(`(q) ${what}`, ours.fastest, floor.fastest, limit)
      : { ...ratio(`(q') ${what}`, ours.fastest, floor.fastest, 0), limit: '' };
  };
  const beyond = unchanged.fastest - start.fastest;
  return [
    {
      what: "(p) unchanged build of a program made of its source - Node's start",
      ours: unchanged.fastest,
      floor: start.fastest,
      figure: `${beyond.toFixed(0)} ms`,
      limit: '200 ms',
    },
    against(large, 1.3),
    against(small, 0),
  ];
}

print(await results());
