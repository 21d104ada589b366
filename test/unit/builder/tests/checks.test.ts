import { describe, expect, test } from 'vitest';

import { fileProblems, fileSubject, outputProblems, type Look } from '../../../../src/builder/tests/checks.ts';
import type { LayeredFile } from '../../../../src/host/layered-tree.ts';
import { parseSpec } from '../../../../src/builder/spec/parse.ts';
import { inOneLine, type Problem } from '../../../../src/core/problems.ts';

/** The lines on what is not as `checks`, a flow map of the spec, says of the output `text`. */
function ofOutput(checks: string, text: string | Buffer): readonly string[] {
  const spec = parseSpec(`tests:\n- name: t\n  steps:\n  - command: x\n    stdout: ${checks}\n`, 's');
  const { stdout, position } = spec.tests[0]!.steps[0]!;
  return lines(outputProblems({ name: 'stdout', field: 'stdout', position }, Buffer.from(text), stdout));
}

const seen: Readonly<Record<string, LayeredFile & { readonly holds?: string; readonly target?: string }>> = {
  '/file': { kind: 'file', mode: 0o4751, size: 5, holds: 'text\n' },
  '/empty': { kind: 'file', mode: 0o644, size: 0, holds: '' },
  '/directory': { kind: 'directory', mode: 0o755, size: 0 },
  '/link': { kind: 'symlink', mode: 0o777, size: 0, target: '/file' },
  '/dangling': { kind: 'symlink', mode: 0o777, size: 0, target: '/nowhere' },
  '/socket': { kind: 'other', mode: 0o600, size: 0 },
};

const look: Look = {
  status: (path, follow) => {
    const target = seen[path]?.target;
    return follow && target !== undefined ? seen[target] : seen[path];
  },
  link: (path) => seen[path]?.target,
  read: (path) => {
    const holds = (seen[seen[path]?.target ?? ''] ?? seen[path])?.holds;
    return holds === undefined ? undefined : Buffer.from(holds);
  },
};

function ofFile(path: string, checks: string): readonly string[] {
  const spec = parseSpec(`tests:\n- name: t\n  files: {${path}: ${checks}}\n`, 's');
  const { path: at, check } = spec.tests[0]!.files[0]!;
  return lines(fileProblems(fileSubject('tests[0]', at), check, look));
}

function lines(problems: readonly Problem[]): readonly string[] {
  return problems.map(inOneLine);
}

describe('checks of output', () => {
  test.each([
    ['{}', 'anything'],
    ['{equals: "a\\n"}', 'a\n'],
    ['{equals: ""}', 'an empty text asks for nothing'],
    ['{contains: [a, b]}', 'b a'],
    ['{matches: ["^b$"]}', 'b'],
    ['{starts_with: a, ends_with: c}', 'abc'],
    ['{empty: true}', ''],
    ['{empty: false}', 'a'],
  ])('%s is so for %j', (checks, text) => {
    expect(ofOutput(checks, text)).toEqual([]);
  });

  test.each([
    ['{equals: a}', 'a\n', 's:5:22: stdout.equals: "stdout": check_type=equals expected: "a", got "a\\n"'],
    ['{contains: [a, zz]}', 'a', 's:5:28: stdout.contains[1]: "stdout": check_type=contains expected: "zz", got "a"'],
    [
      '{matches: ["(?m)^b$"]}',
      'a',
      's:5:24: stdout.matches[0]: "stdout": check_type=matches expected: "(?m)^b$", got "a"',
    ],
    ['{starts_with: b}', 'ab', 's:5:27: stdout.starts_with: "stdout": check_type=starts_with expected: "b", got "ab"'],
    ['{ends_with: a}', 'ab', 's:5:25: stdout.ends_with: "stdout": check_type=ends_with expected: "a", got "ab"'],
    ['{empty: true}', 'x', 's:4:5: stdout.empty: "stdout": check_type=empty expected: "", got "x"'],
    [
      '{matches: ["(?=a)"]}',
      'a',
      's:5:24: stdout.matches[0]: "(?=a)" is no regular expression of RE2: error parsing regexp: invalid or unsupported Perl syntax: `(?=`',
    ],
  ])('%s is not so for %j', (checks, text, line) => {
    expect(ofOutput(checks, text)).toEqual([line]);
  });

  test('all that is not so is told', () => {
    expect(ofOutput('{equals: a, contains: [b, c], empty: true}', 'b')).toHaveLength(3);
  });

  test('long and binary output is not shown whole, and nothing in it reaches the terminal', () => {
    expect(ofOutput('{equals: a}', 'x'.repeat(2000))[0]).toContain(
      `"${'x'.repeat(1024)}<...truncated to 1024 bytes out of 2000 bytes>"`,
    );
    expect(ofOutput('{equals: a}', Buffer.of(0, 1, 2))[0]).toContain('got "<binary data>"');
    expect(ofOutput('{equals: a}', '\u001b[2J\u202e')[0]).toContain(String.raw`got "\u001b[2J\u{202e}"`);
  });
});

describe('checks of files', () => {
  test.each([
    ['/file', '{}'],
    ['/file', '{permissions: 0o751, equals: "text\\n"}'],
    ['/file', '{permissions: 0}'],
    ['/empty', '{empty: true}'],
    ['/directory', '{is_dir: true, permissions: 0o755}'],
    ['/nowhere', '{not_exist: true}'],
    ['/link', '{link_target: /file, permissions: 0o751, contains: [text]}'],
    ['/link', '{link_target: /file, no_follow: true, permissions: 0o777}'],
    ['/dangling', '{link_target: /nowhere, no_follow: true}'],
    ['/dangling', '{not_exist: true}'],
  ])('%s is as %s says', (path, checks) => {
    expect(ofFile(path, checks)).toEqual([]);
  });

  test.each([
    ['/nowhere', '{equals: a}', 'check_type=not_exist expected: "exists=true", got "exists=false"'],
    ['/file', '{not_exist: true}', 'check_type=not_exist expected: "exists=false", got "exists=true"'],
    ['/dangling', '{link_target: /nowhere}', 'check_type=not_exist expected: "exists=true", got "exists=false"'],
    [
      '/dangling',
      '{not_exist: true, no_follow: true}',
      'check_type=not_exist expected: "exists=false", got "exists=true"',
    ],
    ['/directory', '{}', 'check_type=is_dir expected: "is_dir=false", got "is_dir=true"'],
    ['/file', '{is_dir: true}', 'check_type=is_dir expected: "is_dir=true", got "is_dir=false"'],
    ['/file', '{permissions: 0o755}', 'check_type=permissions expected: "-rwxr-xr-x", got "-rwxr-x--x"'],
    ['/link', '{link_target: /other}', 'check_type=link_target_path expected: "/other", got "/file"'],
    ['/file', '{link_target: /other}', 'check_type=link_target_path expected: "/other", got "no symbolic link"'],
    ['/file', '{starts_with: ext}', 'check_type=starts_with expected: "ext", got "text\\n"'],
  ])('%s is not as %s says: %s', (path, checks, message) => {
    const [line] = ofFile(path, checks);

    expect(line).toMatch(/^s:3:\d+: tests\[0\]\.files\["/);
    expect(line).toContain(`: "${path}": ${message}`);
  });

  test('all that is not so is told, but for what lies behind what is missing', () => {
    expect(ofFile('/file', '{is_dir: true, permissions: 1, link_target: a, equals: b, empty: true}')).toHaveLength(5);
    expect(ofFile('/nowhere', '{is_dir: true, permissions: 1, equals: b}')).toHaveLength(1);
  });

  test('what is no file is not read', () => {
    expect(ofFile('/socket', '{equals: a}')[0]).toContain(
      '"/socket" is no file that can be read, or is larger than what is looked at',
    );
  });
});
