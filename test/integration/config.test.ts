import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { runCommand } from '../lab/command.ts';
import { temporaryDirectory } from '../support/archives.ts';

const top = resolve(import.meta.dirname, '../..');
let tree: ReturnType<typeof temporaryDirectory>;

beforeEach(() => {
  tree = temporaryDirectory();
  mkdirSync(tree.at('etc'));
});

afterEach(() => {
  tree[Symbol.dispose]();
});

function put(path: string, text: string): string {
  mkdirSync(dirname(tree.at(path)), { recursive: true });
  writeFileSync(tree.at(path), text);
  return tree.at(path);
}

/** Runs `sysext-agent config ARGS`; paths of the tree are shown as seen below it. */
async function config(...args: readonly string[]) {
  const { exitCode, stdout, stderr } = await runCommand([join(top, 'bin/sysext-agent'), 'config'], args);
  const shown = (text: string) => text.replaceAll(`${tree.path}/`, '/');
  return { exitCode, lines: shown(stdout).trimEnd().split('\n'), noted: shown(stderr), stdout };
}

const inTree = () => `--root=${tree.path}`;
const dropIns = 'etc/sysext-agent/extensions.d';
const vendor = 'usr/lib/sysext-agent/extensions.d';

describe('config cat', () => {
  test('shows every value with its place, and what it took the place of', async () => {
    put('etc/sysext-agent/agent.yml', 'allow: [owner]\n');
    put('run/sysext-agent/agent.d/10-more.yml', 'extensions:\n  jq:\n    allow: [polkit]\n');
    put(`${vendor}/50-jq.yml`, 'extensions:\n  jq:\n    image: /srv/jq.raw\n    version: 1.6\n');
    put(`${vendor}/60-out.yml`, 'extensions: {zsh: {image: /srv/zsh.raw}}\n');
    put(`${dropIns}/90-local.yml`, 'extensions:\n  jq: {version: "1.7.*", hold: true}\n');
    symlinkSync('/dev/null', tree.at(`${dropIns}/60-out.yml`));

    const { exitCode, lines, noted } = await config('cat', inTree(), '--no-legend');

    expect({ exitCode, noted }).toEqual({ exitCode: 0, noted: '' });
    expect(lines.filter((line) => !line.startsWith('targets.')).map((line) => line.split(/ {2,}/))).toEqual([
      ['allow', 'owner', '/etc/sysext-agent/agent.yml:1'],
      ['extensions.jq.allow', 'polkit', '/run/sysext-agent/agent.d/10-more.yml:3'],
      ['extensions.jq.image', '/srv/jq.raw', `/${vendor}/50-jq.yml:3`],
      ['extensions.jq.version', '1.7.*', `/${dropIns}/90-local.yml:2, instead of 1.6 (/${vendor}/50-jq.yml:4)`],
      ['extensions.jq.hold', 'true', `/${dropIns}/90-local.yml:2`],
    ]);
    expect(lines.some((line) => /^targets\.trixie +Debian 13 .*targets\/trixie\.yml:1$/.test(line))).toBe(true);
  });

  test('prints the same as JSON', async () => {
    const path = put(`${dropIns}/50-jq.yml`, 'extensions:\n  jq: {from: "oci://registry.example.org/jq"}\n');
    put(`${dropIns}/60-bad.yml`, 'extensions: 3\n');

    const { stdout, noted } = await config('cat', inTree(), '--json');
    const { values, problems } = JSON.parse(stdout) as Record<string, readonly object[]>;

    expect(values).toContainEqual({
      key: 'extensions.jq.from',
      value: 'oci://registry.example.org/jq',
      file: path,
      line: 2,
      instead: [],
    });
    expect(problems).toEqual([expect.objectContaining({ field: 'extensions', message: 'expected a map, found 3' })]);
    expect(noted).toContain(`problem: /${dropIns}/60-bad.yml:1:13: extensions: expected a map, found 3`);
  });
});

describe('config check of a tree', () => {
  test('without configuration finds nothing', async () => {
    expect(await config('check', inTree())).toMatchObject({
      exitCode: 0,
      lines: ['0 files: no errors, no warnings, no notes'],
    });
  });

  test('tells everything that is wrong at once, each at its place', async () => {
    put('etc/sysext-agent/agent.yml', 'allow: [setiud]\n');
    put('etc/sysext-agent/targets.d/mine.yml', 'repos: []\n');
    put(`${dropIns}/10-half.yml`, 'extensions:\n  a: {ima');
    put(`${dropIns}/20-typo.yml`, 'extensions:\n  b: {imag: /srv/b.raw}\n');
    chownSync(put(`${dropIns}/30-foreign.yml`, 'extensions: {c: {image: /srv/c.raw}}\n'), 12345, 0);
    chmodSync(put(`${dropIns}/40-open.yml`, 'extensions: {d: {image: /srv/d.raw}}\n'), 0o666);
    symlinkSync(join(top, 'examples/extensions.d/50-jq.yml'), tree.at(`${dropIns}/50-outside.yml`));
    execFileSync('mkfifo', [tree.at(`${dropIns}/60-pipe.yml`)]);
    put(`${dropIns}/70-name.yaml`, 'extensions: {}\n');

    const { exitCode, lines } = await config('check', inTree());

    expect(exitCode).toBe(1);
    expect(lines.filter((line) => line.startsWith('error: '))).toEqual([
      expect.stringContaining('/etc/sysext-agent/agent.yml:1:9: allow[0]: there is no rule "setiud", did you mean'),
      expect.stringMatching(/10-half\.yml:2:\d+: /),
      expect.stringContaining('20-typo.yml:2:7: extensions.b: unknown field "imag", did you mean "image"?'),
      expect.stringContaining('30-foreign.yml:1:1: it belongs to the user 12345, not to root'),
      expect.stringContaining('40-open.yml:1:1: it can be written by others than root: chmod go-w'),
      expect.stringContaining('50-outside.yml:1:1: it leads to nothing'),
      expect.stringContaining('60-pipe.yml:1:1: it is not a regular file'),
      expect.stringContaining('70-name.yaml:1:1: it is not read: its name must end in .yml'),
      expect.stringContaining('/etc/sysext-agent/targets.d/mine.yml:1:1: unknown field "repos"'),
    ]);
    expect(lines.at(-1)).toMatch(/^8 files: \d+ errors, no warnings, no notes$/);
  });

  test('looks at the specs that drop-ins name, and how they go together', async () => {
    put('etc/specs/jq.yml', "name: jq\nversion: '1.7'\nargs: {A: ''}\ndependencies: {sysexts: {jq: }}\n");
    put('etc/specs/yq.yml', "name: yq\nversion: '2'\ndependencies: {sysext: {yq: }}\n");
    put(
      `${dropIns}/50-specs.yml`,
      `extensions:
  jq: {spec: /etc/specs/jq.yml}
  zq: {spec: /etc/specs/yq.yml, version: "3.*", target: trixi, args: {B: 1}}
  gone: {spec: /etc/specs/gone.yml}
`,
    );

    const { exitCode, lines } = await config('check', inTree());

    expect(exitCode).toBe(1);
    expect(lines.filter((line) => /^(error|warning|note): /.test(line)).toSorted()).toEqual(
      [
        'error: /etc/specs/jq.yml:4:16: dependencies: unknown field "sysexts", did you mean "sysext"?',
        `error: /${dropIns}/50-specs.yml:3:14: extensions.zq.spec: the spec makes the extension "yq": name it so here, or there "zq"`,
        `error: /${dropIns}/50-specs.yml:3:42: extensions.zq.version: the spec makes the version "2-1", which is not in this range`,
        `error: /${dropIns}/50-specs.yml:3:57: extensions.zq.target: there is no target "trixi", did you mean "trixie"?`,
        'error: /etc/specs/yq.yml:1:1: args: unknown arg: "B"',
        `note: /${dropIns}/50-specs.yml:4:16: extensions.gone.spec: there is no /etc/specs/gone.yml here: it was not looked at`,
      ].toSorted(),
    );
  });
});

describe('config check of what is published', () => {
  test('warns of what nobody is trusted for, and of keys that cannot be used', async () => {
    put(
      'etc/sysext-agent/agent.yml',
      'trust:\n  - {place: "oci://r.example", keys: [gone.pub]}\n  - {place: /srv, unsigned: allowed}\n',
    );
    put(
      `${dropIns}/50-all.yml`,
      `extensions:
  jq: {from: "oci://r.example/jq"}
  yq: {from: "https://a.example/yq/"}
  pinned: {from: "https://a.example/pinned.raw", sha256: ${'0a'.repeat(32)}}
  local: {from: /srv/local/}
`,
    );

    const { exitCode, lines } = await config('check', inTree());

    const warnings = lines.filter((line) => line.startsWith('warning: '));
    const at = (line: number, name: string) => `warning: /${dropIns}/50-all.yml:${line}:14: extensions.${name}.from: `;
    expect(exitCode).toBe(0);
    expect(warnings).toEqual([
      `${at(2, 'jq')}gone.pub: there is no such file in the directories keys/`,
      `${at(2, 'jq')}there is no key that could vouch for it at oci://r.example/jq`,
      `${at(3, 'yq')}nobody is trusted to publish it at https://a.example/yq: see \`trust\` in agent.yml`,
    ]);
  });
});

describe('config check of files in a repository', () => {
  test('does not mind whose they are, and knows the files of a configuration by their names', async () => {
    put('fleet/agent.yml', 'alow: []\n');
    put('fleet/agent.d/10.yml', 'allow: 3\n');
    put('fleet/targets.d/mine.yml', 'repos: []\n');
    chmodSync(put('fleet/extensions.d/50-jq.yml', 'extensions: {jq: {imag: /x}}\n'), 0o666);
    chownSync(tree.at('fleet/extensions.d'), 12345, 12345);

    const whole = await config('check', tree.at('fleet'));
    const single = await Promise.all(
      ['agent.yml', 'agent.d/10.yml', 'targets.d/mine.yml', 'extensions.d', 'extensions.d/50-jq.yml'].map((path) =>
        config('check', tree.at(`fleet/${path}`)),
      ),
    );

    const faults = ['unknown field "alow"', 'expected a list', 'unknown field "repos"', 'unknown field "imag"'];
    for (const fault of faults) expect(whole.lines.join('\n')).toContain(fault);
    expect(single.map(({ exitCode }) => exitCode)).toEqual([1, 1, 1, 1, 1]);
    expect(
      single.map(({ lines }, index) => lines.join('\n').includes(faults[Math.min(index, faults.length - 1)] ?? '?')),
    ).toEqual([true, true, true, true, true]);
  });

  test('asks a directory for what is whole, and a file only for itself', async () => {
    const path = put('extensions.d/90-local.yml', 'extensions: {jq: {hold: true}}\n');

    expect(await config('check', path)).toMatchObject({ exitCode: 0 });
    expect((await config('check', dirname(path))).lines[0]).toContain(
      'extensions.jq: no file says where it comes from',
    );
  });

  test('takes the examples', async () => {
    cpSync(join(top, 'examples/extensions.d'), tree.at('extensions.d'), { recursive: true });

    expect(await config('check', tree.at('extensions.d'))).toMatchObject({
      exitCode: 0,
      lines: [expect.stringMatching(/^\d files?: no errors, no warnings, no notes$/)],
    });
  });

  test('prints JSON, and says what is no file', async () => {
    const path = put('extensions.d/50-jq.yml', 'extensions:\n');
    const { stdout, exitCode } = await config('check', path, '--json=short');

    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      files: [path],
      valid: false,
      errors: [{ position: { file: path, line: 1, column: 1 }, field: 'extensions', excerpt: 'extensions:' }],
      warnings: [],
      notes: [],
    });
    expect(await config('check', tree.at('nowhere'))).toMatchObject({
      exitCode: 1,
      noted: 'sysext-agent: there is no file or directory /nowhere\n',
    });
  });
});
