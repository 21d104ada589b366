import { describe, expect, test } from 'vitest';

import { ownFiles } from '../../../../src/builder/artifacts/own-files.ts';
import type { SourceFile } from '../../../../src/builder/source/source-file.ts';
import { artifactsFor } from '../../../../src/builder/spec/for-target.ts';
import { parseSpec } from '../../../../src/builder/spec/parse.ts';
import { isAgentError, renderError } from '../../../../src/core/errors.ts';

const layout = { family: 'rpm', libraries: 'usr/lib64' } as const;

const sources: readonly SourceFile[] = [
  { path: 'src', kind: 'directory', mode: 0o755, fixedMode: false },
  file('src/one.sh', 0o755),
  file('src/two.sh', 0o644),
  file('src/README', 0o600),
  { path: 'src/link.sh', kind: 'symlink', mode: 0o777, target: '../../etc/shadow', fixedMode: false },
  { path: 'src/sub', kind: 'directory', mode: 0o700, fixedMode: false },
  file('src/sub/three.sh', 0o640),
  file('src/sub/deep/four', 0o640),
  { ...file('alone', 0o750), fixedMode: true },
];

function file(path: string, mode: number): SourceFile {
  return { path, kind: 'file', mode, fixedMode: false, content: { kind: 'bytes', bytes: Buffer.from(path) } };
}

function own(text: string) {
  const spec = parseSpec(`name: a\n${text}\n`, 's');
  const filesAt = (path: string) => sources.filter((of) => of.path === path || of.path.startsWith(`${path}/`));
  const places = { layout, pkg: 'pkg', placing: spec.placing };
  return ownFiles(artifactsFor(spec, undefined)!, { ...places, filesAt, from: 'sources', epoch: 7 });
}

/** `MODE PATH`, or `PATH -> TARGET`. */
function placed(artifacts: string): readonly string[] {
  const text = artifacts.startsWith('x-sysext') ? artifacts : `artifacts:\n  ${artifacts}`;
  return own(text).entries.map(({ name, kind, mode, target }) =>
    kind === 'symlink' ? `${name} -> ${target}` : `${mode.toString(8)} ${name}${kind === 'directory' ? '/' : ''}`,
  );
}

function failure(artifacts: string): string {
  try {
    own(`artifacts:\n  ${artifacts}`);
  } catch (error) {
    if (isAgentError(error, 'invalid-spec')) return renderError(error);
    throw error;
  }
  throw new Error('nothing failed');
}

describe('files of a spec', () => {
  test.each([
    ['binaries: {src/one.sh: }', ['755 usr/bin/one.sh']],
    ['binaries: {./src/one.sh: {name: run, permissions: 0o700}}', ['700 usr/bin/run']],
    ['libs: {src/one.sh: {subpath: /plugins/}}', ['755 usr/lib64/plugins/one.sh']],
    ['binaries: {alone: }', ['750 usr/bin/alone']],
    ['systemd: {units: {src/README: {name: a.service}}}', ['644 usr/lib/systemd/system/a.service']],
    [
      'systemd: {dropins: {src/README: {name: b.conf, unit: a.service}}}',
      ['644 usr/lib/systemd/system/a.service.d/b.conf'],
    ],
    ['createDirectories: {config: {a/b: {mode: 0o700}}, state: {/c: }}', ['700 etc/a/b/', '755 var/lib/c/']],
    ['links: [{source: ../x, dest: /usr/bin/y}]', ['usr/bin/y -> ../x']],
  ])('%s', (artifacts, expected) => {
    expect(placed(artifacts)).toEqual(expected);
  });

  test('are all of what a glob fits, in this directory only, and links stay links', () => {
    expect(placed('binaries: {src/*.sh: }')).toEqual([
      '755 usr/bin/one.sh',
      '644 usr/bin/two.sh',
      'usr/bin/link.sh -> ../../etc/shadow',
    ]);
  });

  test('are a directory with all that is below it, by the name that the spec gives it', () => {
    expect(placed('opt: {src/sub: {name: mine, permissions: 0o711}}')).toEqual([
      '711 opt/mine/',
      '640 opt/mine/three.sh',
      '640 opt/mine/deep/four',
    ]);
  });

  test('have the time that is asked for', () => {
    expect(own('artifacts:\n  binaries: {src/*: }').entries.every(({ mtime }) => mtime === 7)).toBe(true);
  });

  test('cannot have owners, capabilities or users, which is said', () => {
    const { warnings } = own(
      'artifacts:\n  binaries: {src/one.sh: {user: u, linux_capabilities: [{name: cap_chown}]}}\n  users: [{name: u}]\n  groups: [{name: g}]',
    );
    expect(warnings).toHaveLength(3);
    expect(warnings.join()).toMatch(/owned by root.*file capabilities.*no users or groups: u, g must be on the host/);
  });
});

describe('what cannot be installed is told with its place', () => {
  test('files that are in no source, with the nearest that is', () => {
    const text = failure('binaries: {src/one.shh: , nowhere/a: , "src/*.py": }');
    expect(text).toContain(
      's:3:14: artifacts.binaries["src/one.shh"]: no source of the spec has "src/one.shh", did you',
    );
    expect(text).toContain('s:3:29: artifacts.binaries["nowhere/a"]: no source of the spec has "nowhere/a"\n');
    expect(text).toContain('s:3:42: artifacts.binaries["src/*.py"]: no source of the spec has "src/*.py"');
    expect(text).toContain('Nothing was built.');
  });

  test.each([
    [
      'binaries: {src/one.sh: {subpath: ../../etc}}',
      's:3:14: artifacts.binaries["src/one.sh"]: "usr/bin/../../etc/one.sh"',
    ],
    ['binaries: {src/one.sh: {name: ../x}}', 's:3:14: artifacts.binaries["src/one.sh"]: "usr/bin/../x"'],
    ['manpages: {src/one.sh: {subpath: ..}}', 's:3:14: artifacts.manpages["src/one.sh"]: "usr/share/man/../one.sh"'],
    [
      'systemd: {dropins: {src/README: {unit: ../x}}}',
      's:3:23: artifacts.systemd.dropins["src/README"]: "usr/lib/systemd/system/../x.d/README"',
    ],
    ['links: [{source: /a, dest: /usr/../b}]', 's:3:30: artifacts.links[0].dest: "/usr/../b"'],
    ['createDirectories: {config: {../a: }}', 's:3:32: artifacts.createDirectories.config["../a"]: "../a"'],
    [
      'createDirectories: {state: {a/../../b: }}',
      's:3:31: artifacts.createDirectories.state["a/../../b"]: "a/../../b"',
    ],
  ])('places that lead upwards: %s', (artifacts, place) => {
    expect(failure(artifacts)).toContain(`${place} leads upwards by ".."`);
  });
});

describe('our own part of a spec', () => {
  test.each([
    [
      '{src/sub: /usr/local/tool}',
      ['755 usr/local/tool/', '640 usr/local/tool/three.sh', '640 usr/local/tool/deep/four'],
    ],
    ['{src/one.sh: /opt/tool/run}', ['755 opt/tool/run']],
    ['{src/*.sh: /opt/tool}', ['755 opt/tool/one.sh', '644 opt/tool/two.sh', 'opt/tool/link.sh -> ../../etc/shadow']],
  ])('has files at places of their own: %s', (files, expected) => {
    expect(placed(`x-sysext: {files: ${files}}`)).toEqual(expected);
  });

  test('has systemd make accounts, and what they own', () => {
    const artifacts =
      'artifacts: {users: [{name: web}], groups: [{name: web}, {name: coffee}], ' +
      'configFiles: {src/README: {name: a b, group: coffee}}, ' +
      'createDirectories: {config: {conf: {user: web}}, state: {"50%": {mode: 0o750, user: web, group: coffee}}}}';
    const { entries, warnings } = own(`${artifacts}\nx-sysext: {accounts: sysusers}`);
    const text = (name: string) => {
      const content = entries.find((entry) => entry.name === name)?.content;
      return content?.kind === 'bytes' ? Buffer.from(content.bytes).toString() : undefined;
    };
    expect(text('usr/lib/sysusers.d/10-pkg.conf')).toBe('u web -\ng coffee -\n');
    expect(text('usr/lib/tmpfiles.d/20-pkg.conf')).toBe(
      'd "/var/lib/50%%" 0750 web coffee\nz "/etc/conf" - web -\nz "/etc/a b" - - coffee\n',
    );
    expect(warnings).toEqual([]);
    expect(entries.map(({ name }) => name)).not.toContain('var/lib/50%');
  });

  test.each(['users: [{name: "a\\nu root2 0"}]', 'createDirectories: {state: {"a\\nb": }}'])(
    'writes nothing into such a file that would be another line: %s',
    (artifacts) => {
      expect(() => own(`artifacts: {${artifacts}}\nx-sysext: {accounts: sysusers}`)).toThrow(/names that no file/);
    },
  );
});
