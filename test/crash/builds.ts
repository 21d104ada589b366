import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { execa } from 'execa';

import { serveFiles, type FileServer } from '../integration/support/server.ts';
import { buildingHost } from '../lab/build-host.ts';
import { waitFor } from '../lab/wait.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { isBundled } from './kills.ts';
import { randomNumbers } from './matrix.ts';

/**
 * Ends a build from source at random instants, by SIGKILL, SIGTERM and SIGINT in turn: while sources are fetched, patched, built,
 * stripped and tested, the image is made and kept, and, of `--roots` of them, the build root is made. Then it is built again, and
 * the same image must come of it. What was asked to end leaves nothing at once; what was killed, nothing but what the next build
 * removes. `node test/crash/builds.ts [--instants=100] [--roots=0] [--seed=1]`, as root.
 */

const program = resolve(import.meta.dirname, '../../dist/main.cjs');
const signals = ['SIGKILL', 'SIGTERM', 'SIGINT'] as const;

/** Words of a command that only steps and tests of this build have. */
const marker = `crash-${process.pid}`;

interface World {
  /** Stands for `/` of the host. */
  readonly root: string;
  readonly cache: string;
  readonly out: string;
  readonly spec: string;
}

/** Files of a directory, and the server that has them. */
interface Offered extends FileServer {
  readonly directory: string;
}

async function makeWorld(directory: string, server: Offered): Promise<World> {
  const { root: shared, cache: sharedCache } = await buildingHost();
  const [root, spec] = [join(directory, 'root'), join(directory, 'crash.yml')];
  const cache = join(root, 'var/cache/sysext-agent');
  fs.cpSync(join(shared, 'etc'), join(root, 'etc'), { recursive: true });
  fs.mkdirSync(cache, { recursive: true });
  fs.writeFileSync(spec, specOf(server));
  const world = { root, cache, out: join(directory, 'out'), spec };
  // Roots are for root alone: they are made where there are none yet, and taken from there.
  await mustBuild({ ...world, root: shared });
  const copied = ['roots', 'indexes', 'packages'].map((name) => join(sharedCache, name));
  await execa('cp', ['--archive', ...copied, cache]);
  return world;
}

/** What the server has below `/`. */
function writeSource(directory: string): void {
  const text = 'int main(void) {\n  puts("hello");\n  return 0;\n}\n';
  fs.writeFileSync(join(directory, 'hello.c'), `#include <stdio.h>\n${text}`);
  fs.writeFileSync(join(directory, 'padding'), Buffer.alloc(8 * 1024 ** 2, 'padding'));
}

function specOf(server: Offered): string {
  const digest = (name: string) =>
    createHash('sha256')
      .update(fs.readFileSync(join(server.directory, name)))
      .digest('hex');
  const source = (name: string) =>
    `  ${name}: {http: {url: "${server.uri}/${name}", digest: "sha256:${digest(name)}"}}\n`;
  return `name: crash
version: '1.0'
revision: '1'
license: MIT
description: built again and again
website: https://example.org
changelog: [{date: 2024-02-03, author: Someone, changes: [first]}]
sources:
${source('hello.c')}${source('padding')}  src: {inline: {dir: {files: {greeting: {contents: "hello\\n"}}}}}
  change:
    inline: {file: {contents: "--- a/greeting\\n+++ b/greeting\\n@@ -1 +1 @@\\n-hello\\n+changed\\n"}}
patches: {src: [{source: change}]}
build:
  caches: [{dir: {dest: /var/cache/crash, key: crash}}]
  steps:
    - command: 'gcc -O2 -g -static -o hello hello.c && : ${marker}'
    - command: 'touch -d @5 src/greeting; cp hello src/second; date >/var/cache/crash/last; : ${marker}'
artifacts:
  binaries: {hello: {name: crash}, src/second: {name: crash-second}}
  docs: {src/greeting: {}, padding: {}}
tests:
  - {name: greets, steps: [{command: crash, stdout: {equals: "hello\\n"}}], files: {/usr/share/doc/crash/greeting: {equals: "changed\\n"}}}
`;
}

function build({ root, spec, out }: World) {
  const args = ['build', spec, `--root=${root}`, '--target=trixie', `--output=${out}`, '--json=short'];
  return execa(process.execPath, [program, ...args], { reject: false, cwd: '/' });
}

async function mustBuild(world: World): Promise<string> {
  const { exitCode, stdout, stderr } = await build(world);
  if (exitCode !== 0) throw new Error(`it ended with ${exitCode}: ${stderr}`);
  return (JSON.parse(stdout) as { sha256: string }).sha256;
}

/** Everything is made anew but the build root, and that as well where it says so. */
async function reset({ cache, out }: World, withRoot: boolean): Promise<void> {
  const names = fs.readdirSync(cache).filter((name) => !['roots', 'indexes', 'packages'].includes(name));
  await execa('rm', ['-rf', out, ...names.map((name) => join(cache, name))]);
  if (!withRoot) return;
  const roots = join(cache, 'roots');
  const made = fs.readdirSync(roots).filter((name) => /\.request$|^[0-9a-f]{64}(\.json)?$/.test(name));
  await execa('rm', ['-rf', ...made.map((name) => join(roots, name))]);
}

/** What must not be there when nothing builds: work under way, by its names, and what the system has of it. */
async function leftovers({ root, out }: World): Promise<string[]> {
  const { stdout } = await execa('find', [
    root,
    ...(fs.existsSync(out) ? [out] : []),
    '-maxdepth',
    '7',
    '-name',
    '.#*',
  ]);
  const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return [
    ...stdout.split('\n').filter((line) => line !== ''),
    ...mounts.filter((line) => line.includes(root)).map((line) => `mounted: ${line}`),
    ...processesOf(root).map((line) => `runs: ${line}`),
  ];
}

function processesOf(root: string): string[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => {
      try {
        return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    })
    .filter((line) => line.includes(root) || line.includes(marker));
}

interface Trial {
  readonly signal: (typeof signals)[number];
  readonly delayMs: number;
  readonly withRoot: boolean;
}

async function attempt(world: World, expected: string, { signal, delayMs, withRoot }: Trial): Promise<string[]> {
  await reset(world, withRoot);
  const building = build(world);
  const timer = setTimeout(() => building.kill(signal), delayMs);
  const ended = await building;
  clearTimeout(timer);
  const isKilled = ended.signal === 'SIGKILL';
  if (isKilled) await waitFor('the end of all', () => (processesOf(world.root).length === 0 ? true : undefined));
  const atOnce = isKilled ? [] : await leftovers(world);
  const hasEnded = isKilled || ended.exitCode === 0 || ended.exitCode === 130;
  const again = await mustBuild(world).catch(String);
  return [
    ...(hasEnded ? [] : [`it ended with ${ended.exitCode ?? ended.signal}: ${ended.stderr}`]),
    ...atOnce.map((line) => `left behind at once: ${line}`),
    ...(again === expected ? [] : [`built again: ${again}`]),
    ...(await leftovers(world)).map((line) => `left behind for good: ${line}`),
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      instants: { type: 'string', default: '100' },
      roots: { type: 'string', default: '0' },
      seed: { type: 'string', default: '1' },
    },
  });
  if (!isBundled) throw new Error('run `npm run bundle` first');
  const [instants, roots, random] = [Number(values.instants), Number(values.roots), randomNumbers(Number(values.seed))];
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  using files = temporaryDirectory();
  using directory = temporaryDirectory();
  writeSource(files.path);
  const server = await serveFiles(files.path);
  let problems = 0;
  try {
    const world = await makeWorld(directory.path, { ...server, directory: files.path });
    for (const [withRoot, count] of [
      [false, instants],
      [true, roots],
    ] as const) {
      if (count === 0) continue;
      await reset(world, withRoot);
      const start = performance.now();
      const expected = await mustBuild(world);
      const duration = performance.now() - start;
      say(`a build${withRoot ? ' with its build root' : ''} takes ${(duration / 1000).toFixed(1)} s`);
      for (let index = 0; index < count; index++) {
        const trial = { signal: signals[index % signals.length]!, delayMs: random() * duration, withRoot };
        for (const problem of await attempt(world, expected, trial)) {
          problems += 1;
          say(`PROBLEM ${trial.signal} after ${trial.delayMs.toFixed(0)} ms: ${problem}`);
        }
      }
      say(`${count} builds ended, ${problems} problems`);
    }
  } finally {
    await server.close();
  }
  process.exitCode = problems === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
