import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { abandonedDirectories } from '../../src/host/owned.ts';
import { buildingHost } from '../lab/build-host.ts';
import { bootMachine } from '../lab/machine.ts';
import { waitFor } from '../lab/wait.ts';

const program = resolve(import.meta.dirname, '../../bin/sysext-agent');

let root: string;
let cache: string;
let scratch: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'making-'));
  ({ root, cache } = await buildingHost());
});

afterAll(() => {
  rmSync(scratch, { recursive: true });
});

/** A program with three patches, one from each kind of place, built statically; its first word is that of this run. */
function spec(word: string, more = ''): string {
  const patch = (file: string, before: string, after: string) =>
    [`--- ${file}`, `+++ ${file}`, '@@ -1,4 +1,4 @@', ' #include <stdio.h>', ' int main(void) {']
      .concat([`-  puts("${before}");`, `+  puts("${after}");`, '   return 0; }'])
      .map((line) => `              ${line}\n`)
      .join('');
  return `name: hello-made
version: '1.0'
revision: '1'
packager: Someone <someone@example.org>
license: MIT
description: made of its source
website: https://example.org
changelog: [{date: 2024-02-03, author: Someone, changes: [first]}]
sources:
  src:
    inline:
      dir:
        files:
          hello.c: {contents: "#include <stdio.h>\\nint main(void) {\\n  puts(\\"${word}\\");\\n  return 0; }\\n"}
  one:
    inline:
      file:
        contents: |
${patch('a/hello.c', word, `${word} one`)}
  two:
    inline:
      dir:
        files:
          two.patch:
            contents: |
${patch('hello.c', `${word} one`, `${word} one two`)}
  three:
    inline:
      file:
        contents: |
${patch('x/y/hello.c', `${word} one two`, `${word} one two three`)}
patches:
  src: [{source: one}, {source: two, path: two.patch, strip: 0}, {source: three, strip: 2}]
build:
  env: {CFLAGS: -O2 -g}
  steps:
    - command: gcc $CFLAGS -static -o src/hello src/hello.c
    - env: {NOTE: made}
      command: |
        echo "$NOTE in $PWD" > note.txt
        touch -d @5 note.txt
${more}artifacts:
  binaries:
    src/hello: {name: hello-made}
  docs:
    note*: {}
`;
}

function write(text: string): string {
  const path = join(scratch, 'hello.yml');
  writeFileSync(path, text);
  return path;
}

function build(path: string, ...more: string[]) {
  const options = [`--root=${root}`, '--target=trixie', `--output=${scratch}`, '--json=short', ...more];
  return execa(program, ['build', path, ...options], { reject: false });
}

/** What builds have left behind: other tests are at work in the same cache. */
function leftBehind(): readonly string[] {
  return ['making', 'sandbox', 'work'].flatMap((name) => abandonedDirectories(join(cache, name)));
}

const word = `hello-${process.pid}`;

describe('a program that is made of its source', () => {
  let image: string;
  let first: Buffer;

  beforeAll(async () => {
    const { stdout, stderr, exitCode } = await build(write(spec(word)));
    expect(exitCode, stderr).toBe(0);
    expect(stderr.match(/^(patch|build step|stripping).*/gm)).toEqual([
      'patch one of src',
      'patch two/two.patch of src',
      'patch three of src',
      'build step 1',
      'build step 2',
      'stripping programs and libraries',
    ]);
    image = (JSON.parse(stdout) as { path: string }).path;
    first = readFileSync(image);
  }, 1_200_000);

  test('is patched in order, stripped, and has the modes and times of a package', async () => {
    const tree = join(scratch, 'tree');
    execFileSync('fsck.erofs', [`--extract=${tree}`, '--preserve', image]);

    expect(execFileSync(join(tree, 'usr/bin/hello-made'), { encoding: 'utf8' })).toBe(`${word} one two three\n`);
    expect(readFileSync(join(tree, 'usr/share/doc/hello-made/note.txt'), 'utf8')).toBe('made in /build\n');
    const { stdout } = await execa('sh', ['-c', 'file usr/bin/*; stat -c "%a %Y %n" usr/bin/* usr/share/doc/*/*'], {
      cwd: tree,
    });
    expect(stdout).toMatch(/hello-made:.*statically linked.*, stripped/);
    expect(stdout).toContain('755 1706918400 usr/bin/hello-made');
    expect(stdout).toContain('644 1706918400 usr/share/doc/hello-made/note.txt');
  });

  test.each([252, 257] as const)('runs where it is merged by systemd %i', async (systemd) => {
    await using machine = await bootMachine({ systemd });
    await machine.copyIn(image, `/root/${basename(image)}`);

    const installed = await machine.agent(['install', `/root/${basename(image)}`]);

    expect(installed.exitCode, installed.stderr).toBe(0);
    expect(await machine.shell('hello-made')).toBe(`${word} one two three\n`);
  });

  test('is not made again where nothing changed, and only its last step where that did', async () => {
    const same = await build(write(spec(word)));
    const changed = await build(write(spec(word).replace('NOTE: made', 'NOTE: remade')));
    const log = await execa(program, ['build', '--log', 'hello-made', `--root=${root}`]);

    // The lists of packages may have come of age meanwhile.
    expect(same.stderr.replaceAll(/^reading the package list of .*\n?/gm, '')).toBe('');
    expect((JSON.parse(same.stdout) as { unchanged: boolean }).unchanged).toBe(true);
    expect(changed.exitCode, changed.stderr).toBe(0);
    expect(changed.stderr).toContain('4 of 6 steps are done already\nbuild step 2\nstripping');
    expect(log.stdout).toMatch(/^==> build step 2 \(.*hello\.yml:\d+:\d+\)\n\+ export .*\n/);
    expect(log.stdout).not.toContain('build step 1');
  });

  test('is made once more by --no-cache, each step once, and is the same to the byte', async () => {
    const { stderr, exitCode } = await build(write(spec(word)), '--no-cache');

    expect(exitCode, stderr).toBe(0);
    expect(readFileSync(image).equals(first)).toBe(true);
    expect(stderr.match(/^(build step|stripping).*/gm)).toEqual([
      'build step 1',
      'build step 2',
      'stripping programs and libraries',
    ]);
  });

  test('is told by --dry-run, which runs nothing', async () => {
    const { stdout } = await build(write(spec('other')), '--dry-run');

    expect(JSON.parse(stdout)).toMatchObject({
      steps: ['patch one of src', 'patch two/two.patch of src', 'patch three of src', 'build step 1', 'build step 2'],
    });
  });
});

describe('a build', () => {
  test('whose step fails says where, and what it printed, and builds nothing', async () => {
    const step = '    - command: echo oh no >&2; exit 3\n';

    const { stderr, exitCode } = await build(write(spec(word, step)));

    expect(exitCode).toBe(1);
    expect(stderr).toContain('build step 3 failed with exit code 3\n');
    expect(stderr).toMatch(/hello\.yml:\d+:7: build step 3 failed with exit code 3\n/);
    expect(stderr).toContain('\n  oh no\n');
    expect(stderr).toMatch(
      /Nothing was built\.\nAll of its output is in .*\/var\/log\/sysext-agent\/builds\/hello-made\/.*\.log\./,
    );
    expect(leftBehind()).toEqual([]);
  });

  test('whose artifact was not made says which', async () => {
    const { stderr, exitCode } = await build(write(spec(word).replace('src/hello: {', 'src/helo: {')));

    expect(exitCode).toBe(1);
    expect(stderr).toContain('artifacts.binaries["src/helo"]: the build left no "src/helo"');
  });

  test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
    'that ends by %s leaves no process, mount or directory',
    async (signal) => {
      const step = `    - command: sleep 98765 & sleep 98765 & sleep 98765\n`;
      const building = build(write(spec(word, step)));
      await waitFor('the step sleeps', () => (sleepers().length >= 3 ? true : undefined));

      building.kill(signal);
      await building;

      await waitFor('all of it has ended', () => (sleepers().length === 0 ? true : undefined));
      expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(cache);
      const next = await build(write(spec(word, '    - command: echo next\n')));
      expect(next.exitCode, next.stderr).toBe(0);
      expect(leftBehind()).toEqual([]);
    },
  );

  // test/crash/builds.ts does it at any instant.
  test.each([
    ['SIGTERM', 'patch two/two.patch of src'],
    ['SIGKILL', 'build step 1'],
    ['SIGINT', 'stripping'],
    ['SIGKILL', 'building hello-made'],
  ] as const)('that ends by %s at "%s" leaves nothing, and the next one is right', async (signal, point) => {
    const path = write(spec(`${word} ${signal} ${point.length}`));
    const building = build(path);
    let said = '';
    building.stderr.on('data', (piece: Buffer) => {
      if (said.includes(point)) return;
      said += piece.toString();
      if (said.includes(point)) building.kill(signal);
    });

    const ended = await building;
    const left = signal === 'SIGKILL' ? [] : leftBehind();
    const next = await build(path);

    expect(signal === 'SIGKILL' ? ended.signal : ended.exitCode, ended.stderr).toBe(
      signal === 'SIGKILL' ? signal : 130,
    );
    expect(next.exitCode, next.stderr).toBe(0);
    expect([...left, ...leftBehind()]).toEqual([]);
  });
});

function sleepers(): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8') === 'sleep\x0098765\x00';
    } catch {
      return false;
    }
  });
}
