import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { abandonedDirectories } from '../../src/host/owned.ts';
import { buildingHost } from '../lab/build-host.ts';
import { ensureRootfs } from '../lab/rootfs.ts';

const program = resolve(import.meta.dirname, '../../bin/sysext-agent');

let host: string;
let scratch: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'spec-tests-'));
  ({ root: host } = await buildingHost());
  // What the tree of a merge lies over.
  if (!existsSync(join(host, 'usr/bin'))) {
    await execa('cp', ['--archive', '--link', join(await ensureRootfs(257), 'usr'), host]);
    for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
      await execa('ln', ['--symbolic', '--force', '--no-dereference', `usr/${name}`, join(host, name)]);
    }
  }
  rmSync(join(host, 'var/cache/sysext-agent/tested'), { recursive: true, force: true });
});

afterAll(() => {
  rmSync(scratch, { recursive: true });
});

/** A spec that needs no packages, with these tests. */
function specWith(tests: string): string {
  const directory = mkdtempSync(join(scratch, 'spec-'));
  const text = `name: greet
version: '1.0'
sources:
  greet:
    inline: {file: {permissions: 0o755, contents: "#!/bin/sh\\ncat /etc/greet/text\\n"}}
  text:
    inline: {file: {contents: "hello\\n"}}
artifacts:
  binaries: {greet: {}}
  configFiles: {text: {subpath: greet}}
  links: [{source: /usr/bin/greet, dest: /bin/hi, user: need, group: coffee}]
  users: [{name: need}]
  groups: [{name: coffee}]
tests:
${tests}`;
  writeFileSync(join(directory, 'greet.yml'), text);
  return directory;
}

/** What holds wherever it is tested. */
const passing = `  - name: a program, what it is given, and what it leaves
    env: {A: of the test, B: of the test}
    mounts:
      - {dest: /nested/file, spec: {inline: {file: {contents: from a mount}}}}
      - {dest: /tmp/dir, spec: {inline: {dir: {files: {inner: {contents: from a directory}}}}}}
    steps:
      - {command: hi, stdout: {equals: "hello\\n"}, stderr: {empty: true}}
      - {command: cat /nested/file /tmp/dir/inner, stdout: {equals: from a mountfrom a directory}}
      - {command: cat, stdin: "as\\nit is", stdout: {equals: "as\\nit is"}}
      - command: 'sh -c "echo $A \${B}; rm -r /nested; mkdir /nested; ln -s /etc/passwd /link; exec >&2; echo it; stat -c %a /tmp"'
        env: {B: of the step}
        stdout: {equals: "of the test of the step\\n"}
        stderr: {starts_with: it, ends_with: "1777\\n", contains: [1777], matches: ['(?m)^it$']}
    files:
      /nested: {is_dir: true}
      /nested/file: {not_exist: true}
      /link: {link_target: /etc/passwd, matches: ['(?m)^root:x:0:0:']}
      /bin/greet: {permissions: 0o755, starts_with: "#!/bin/sh"}
  - name: nothing of another test, nothing of the host
    steps:
      - {command: "test ! -e /nested/file"}
      - {command: ls /home /root, stdout: {equals: "/home:\\n\\n/root:\\n"}}
    files:
      /tmp/dir: {not_exist: true}
      /link: {not_exist: true, no_follow: true}
      /etc/greet/text: {equals: "hello\\n"}
`;

const failing = `  - name: fails
    steps:
      - {command: "sh -c 'echo out; echo err >&2; exit 42'"}
      - {command: echo never}
    files: {/never: {}}
  - name: prints other things
    steps: [{command: hi, stdout: {equals: hi, matches: ['^bye']}}]
    files: {/usr/bin/greet: {permissions: 0o700}, /nothing: {equals: a}}
`;

function build(directory: string, ...more: string[]) {
  const where = [`--root=${host}`, `--output=${join(directory, 'out')}`, '--json=short', '--target=trixie'];
  return execa(program, ['build', join(directory, 'greet.yml'), ...where, ...more], { reject: false });
}

const owners = `  - name: owners, which only a package has
    steps:
      - {command: "stat -c %U:%G /bin/hi", stdout: {equals: "need:coffee\\n"}}
`;

describe('the tests of a spec', () => {
  test('let an image pass in a root of its target, and are not run again for the same', async () => {
    const directory = specWith(passing + owners);

    const first = await build(directory);
    const second = await build(directory);

    expect(first.exitCode, first.stderr).toBe(0);
    expect(first.stderr).toContain('running the tests of the spec in a root of the target');
    expect(second.exitCode, second.stderr).toBe(0);
    expect(second.stderr).not.toContain('running the tests');
    const { provenance, tested } = JSON.parse(second.stdout) as { provenance: string; tested: unknown };
    expect(tested).toEqual(['target']);
    expect(JSON.parse(readFileSync(provenance, 'utf8'))).toMatchObject({
      predicateType: 'https://slsa.dev/provenance/v1',
      predicate: { buildDefinition: { internalParameters: { testsPassed: ['target'] } } },
    });
  });

  test('let an image pass in the tree of a merge', async () => {
    const directory = specWith(passing);

    const { stderr, stdout, exitCode } = await build(directory, '--test=merged');

    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain('running the tests of the spec in the tree of a merge');
    expect(JSON.parse(stdout)).toMatchObject({ tested: ['merged'] });
  });

  test.each([
    ['target', 'in a root of the target'],
    ['merged', 'in the tree that a merge on this host would make'],
  ])('fail a build by all that is not so, with --test=%s', async (choice, where) => {
    const directory = specWith(failing);

    const { stderr, exitCode } = await build(directory, `--test=${choice}`);

    expect(exitCode).toBe(1);
    expect(stderr).toContain(`2 of 2 tests of the spec failed ${where}`);
    for (const line of [
      String.raw`tests[0].steps[0].command: "sh -c 'echo out; echo err >&2; exit 42'" failed with exit code 42`,
      'tests[1].steps[0].stdout.equals: "stdout": check_type=equals expected: "hi", got "hello\\n"',
      'tests[1].steps[0].stdout.matches[0]: "stdout": check_type=matches expected: "^bye", got "hello\\n"',
      'check_type=permissions expected: "-rwx------", got "-rwxr-xr-x"',
      '"/nothing": check_type=not_exist expected: "exists=true", got "exists=false"',
    ]) {
      expect(stderr).toContain(line);
    }
    expect(stderr).toMatch(/greet\.yml:17:9: tests\[0\]/);
    expect(stderr).toContain('  tests[0].steps[0] printed to stderr:\n    err\n');
    expect(stderr).not.toContain('never');
    expect(stderr).toContain('Nothing was put out or installed.');
    expect(existsSync(join(directory, 'out'))).toBe(false);
  });

  test('are left out where that is asked for, and nothing of them is left behind', async () => {
    const directory = specWith(failing);

    const none = await build(directory, '--test=none');
    const skipped = await build(directory, '--build-arg=DALEC_SKIP_TESTS=1');

    expect([none.exitCode, skipped.exitCode]).toEqual([0, 0]);
    expect(none.stderr).toContain('the tests of the spec are not run, as that was asked for');
    expect(JSON.parse(skipped.stdout)).toMatchObject({ tested: [] });
    // Other tests are at work in the same cache.
    expect(abandonedDirectories(join(host, 'var/cache/sysext-agent/tests'))).toEqual([]);
  });

  test('that cannot be read are refused before anything is made', async () => {
    const directory = specWith(`  - name: a
    steps: [{command: 'a "b'}, {command: b, stdout: {matches: ['(?=a)']}}]
`);

    const commands = await build(directory);
    const expressions = await build(specWith(`  - {name: a, steps: [{command: b, stdout: {matches: ['(?=a)']}}]}\n`));

    expect([commands.exitCode, expressions.exitCode]).toEqual([1, 1]);
    expect(commands.stderr).toContain('the tests of the spec cannot be run');
    expect(commands.stderr).toContain('tests[0].steps[0].command: "a \\"b" is no command: a quote is not closed');
    expect(expressions.stderr).toContain('"(?=a)" is no regular expression of RE2');
  });
});
