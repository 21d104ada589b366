import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { parseSpec } from '../../../../src/builder/spec/parse.ts';
import { isAgentError } from '../../../../src/core/errors.ts';
import { renderProblem } from '../../../../src/core/problems.ts';

const repository = new URL('../../../../', import.meta.url);

function read(path: string): string {
  return readFileSync(new URL(path, repository), 'utf8');
}

/** The problems of a spec as a user sees them, without the lines of the file. */
function problemsOf(text: string): readonly string[] {
  try {
    parseSpec(text, 'a.yml');
    return [];
  } catch (error) {
    if (!isAgentError(error, 'invalid-spec')) throw error;
    const { problems = [] } = error.details;
    return problems.map(({ position, field, message }) => renderProblem({ position, field, message }));
  }
}

const head = 'name: a\nversion: 1.2.3\n';

describe('specs of Dalec', () => {
  test('that list packages are read', () => {
    const spec = parseSpec(read('test/fixtures/specs/packages-only.yml'), 'a.yml');
    expect(spec).toMatchObject({ name: 'my-sysext', license: 'MIT', noarch: false });
    expect(spec).toMatchObject({ version: { value: '0.1.0' }, revision: { value: '1' } });
    expect(spec.dependencies?.sysext).toEqual([
      { name: 'jq', constraints: [], architectures: [], position: { file: 'a.yml', line: 10, column: 5 } },
      { name: 'zsh', constraints: [], architectures: [], position: { file: 'a.yml', line: 11, column: 5 } },
    ]);
  });

  test('keep what a target says of packages, and an empty map is not the same as nothing', () => {
    const { provides, targets } = parseSpec(read('test/fixtures/specs/target-relations.yml'), 'a.yml');
    expect(provides).toMatchObject([{ name: 'common-pkg', versions: [{ value: '= 1.0.0' }] }]);
    expect(targets.get('deb')?.provides).toMatchObject([{ name: 'deb-virtual', versions: [{ value: '>= 3.0.0' }] }]);
    expect(targets.get('empty')).toMatchObject({ provides: [], replaces: [], conflicts: [], dependencies: undefined });
  });

  test.each(['jq', 'my-sysext'])('ship as examples: %s', (name) => {
    expect(problemsOf(read(`examples/${name}.yml`))).toEqual([]);
    expect(read(`examples/${name}.yml`)).toMatch(/^# syntax=ghcr\.io\/project-dalec\/dalec\/frontend:latest\n/);
  });
});

describe('lists of packages', () => {
  const { dependencies, targets } = parseSpec(read('test/fixtures/specs/merged-lists.yml'), 'a.yml');

  test('can be put together by merge keys, the later entry wins', () => {
    expect(dependencies?.sysext).toMatchObject([
      { name: 'jq', constraints: [] },
      {
        name: 'zsh',
        constraints: [
          { relation: '>=', version: '5.8' },
          { relation: '<<', version: '99' },
        ],
        architectures: ['x86-64', 'arm64'],
      },
    ]);
    expect(dependencies?.build).toMatchObject([{ name: 'jq' }, { name: 'make' }, { name: 'zsh' }]);
  });

  test('may be names only; an empty list says nothing', () => {
    expect(dependencies?.runtime).toMatchObject([{ name: '7zip' }, { name: 'libc6' }]);
    expect(dependencies?.test).toBeUndefined();
    expect(dependencies?.recommends).toBeUndefined();
    expect(targets.get('noble')?.dependencies?.sysext).toMatchObject([{ name: 'zstd' }]);
  });

  test('are in the order of bytes', () => {
    const spec = parseSpec(`${head}dependencies: {sysext: {b: , a-b: , a: , B: , a.b: }}`, 'a.yml');
    expect(spec.dependencies?.sysext?.map(({ name }) => name)).toEqual(['B', 'a', 'a-b', 'a.b', 'b']);
  });

  test('have every problem reported where it is', () => {
    const sysext = [
      '  sysext:',
      '    1: ',
      '    jq: ">= 1"',
      '    zsh: {version: ">= 1"}',
      '    curl: {version: [">= 1", "<2"], arch: [amd64, mips], x-a: b}',
      '    ../../etc/passwd:',
      '    zsh:',
    ];
    expect(problemsOf(`${head}dependencies:\n${sysext.join('\n')}`)).toEqual([
      'a.yml:5:5: dependencies.sysext: expected string key for package dependency',
      'a.yml:6:9: dependencies.sysext.jq: expected a map, found the text ">= 1"',
      'a.yml:7:20: dependencies.sysext.zsh.version: expected a list such as [">= 1"], found the text ">= 1"',
      'a.yml:8:30: dependencies.sysext.curl.version[1]: "<2" is ambiguous: write "< 2" or "<= 2"',
      'a.yml:8:51: dependencies.sysext.curl.arch[1]: unknown architecture "mips"',
      'a.yml:8:58: dependencies.sysext.curl: unknown field "x-a"',
      'a.yml:9:5: dependencies.sysext: "../../etc/passwd" is not a name of a package',
      'a.yml:10:5: duplicate key "zsh"',
    ]);
  });

  test('that are not fetched may name what a package manager understands', () => {
    expect(problemsOf(`${head}dependencies: {runtime: ["perl(Carp)", /bin/sh]}`)).toEqual([]);
  });

  test('that are fetched may name what rpm knows packages by', () => {
    const names = ['perl(Carp)', '/usr/bin/x', 'libonig.so.5()(64bit)', 'font(:lang=de)', 'python3.11dist(a[b])'];
    expect(problemsOf(`${head}dependencies: {sysext: ${JSON.stringify(names)}}`)).toEqual([]);
  });

  test.each(['-y', '.', 'a b', 'jq>=1', '/usr/../x', '', 'x'.repeat(600)])(
    'that are fetched cannot be named "%s"',
    (name) => {
      expect(problemsOf(`${head}dependencies: {sysext: ["${name}"]}`)).toEqual([
        `a.yml:3:25: dependencies.sysext[0]: "${name}" is not a name of a package`,
      ]);
    },
  );

  test('that are fetched cannot be named with what a terminal would act on', () => {
    expect(problemsOf(`${head}dependencies: {sysext: ["a\\x1bb", "a\\u202eb"]}`)).toEqual([
      'a.yml:3:25: dependencies.sysext[0]: "a\\u001bb" is not a name of a package',
      'a.yml:3:35: dependencies.sysext[1]: "a\\u{202e}b" is not a name of a package',
    ]);
  });
});

describe('fields of a spec', () => {
  test('may all be missing', () => {
    expect(parseSpec('null', 'a.yml')).toMatchObject({
      position: { file: 'a.yml', line: 1, column: 1 },
      name: '',
      version: { value: '' },
      build: undefined,
      tests: [],
    });
  });

  test('numbers are read as Go prints them', () => {
    const spec = parseSpec('name: a\nversion: 1.10\nrevision: 010\nvendor: yes\nnoarch: True', 'a.yml');
    expect(spec).toMatchObject({ version: { value: '1.1' }, revision: { value: '8' }, vendor: 'yes', noarch: true });
  });

  test('other names at the top are for extensions only', () => {
    expect(problemsOf(`${head}x-mine: {a: [b]}\nX-too: 1`)).toEqual([]);
    expect(problemsOf(`${head}Version: 1\nrelease: 2\ny-mine: 3`)).toEqual([
      'a.yml:3:1: unknown field "Version", did you mean "version"?',
      'a.yml:4:1: unknown field "release"',
      'a.yml:5:1: unknown field "y-mine"',
    ]);
  });

  test('that are ours say which rules may be broken, and what tells of its health', () => {
    const { allow, health } = parseSpec(
      `${head}x-sysext:\n  allow: [setuid]\n  health: [{unit: a.service, timeout: 5s}]`,
      'a.yml',
    );
    expect(allow).toEqual([{ value: 'setuid', position: { file: 'a.yml', line: 4, column: 11 } }]);
    expect(health).toEqual([
      {
        name: 'a.service',
        probe: { kind: 'unit', unit: 'a.service' },
        timeout: 5000,
        retries: 0,
        interval: 1000,
      },
    ]);
    expect(parseSpec(`${head}x-sysext:`, 'a.yml')).toMatchObject({ allow: [], health: [] });
    expect(problemsOf(`${head}x-sysext:\n  health: [{unit: a}]`)).toEqual([
      'a.yml:4:19: x-sysext.health[0].unit: "a" is no name of a unit such as web.service',
    ]);
  });

  test('for the writer are passed over where Dalec passes over them', () => {
    const here = [
      ...['image: {x-a: 1}', 'build: {x-a: 1}', 'artifacts: {x-a: 1, systemd: {X-b: }}', 'dependencies: {x-a: 1}'],
      ...['tests: [{x-a: 1}]', 'targets: {a: {x-a: 1}}', 'package_config: {x-a: 1}'],
    ];
    expect(problemsOf(head + here.join('\n'))).toEqual([]);
  });

  test.each(['"$VERSION"', '${A}', `"it's"`, "'a\"b'", 'a\\b'])(
    'a version %s is judged when it is expanded',
    (version) => {
      expect(problemsOf(`name: a\nversion: ${version}`)).toEqual([]);
    },
  );

  test.each(['../1', 'a b', '"a\\tb"', '"a\\u202eb"', '""'])('a version %s cannot be in a file name', (version) => {
    expect(problemsOf(`name: a\nversion: ${version}\nrevision: ${version}`)).toHaveLength(2);
  });

  test.each(['../a', '.a', 'a/b', '-a', '"a\\nb"', 'a.raw', '[a]', '"x\\u0000"'])('%s cannot be a name', (name) => {
    expect(problemsOf(`name: ${name}\nversion: "1"`)).toEqual([expect.stringMatching(/^a\.yml:1:7: name: /)]);
  });
});
