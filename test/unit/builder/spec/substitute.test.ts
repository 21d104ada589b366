import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decodeSpec, parseSpec } from '../../../../src/builder/spec/parse.ts';
import { substitute } from '../../../../src/builder/spec/substitute.ts';
import type { Spec } from '../../../../src/builder/spec/spec.ts';

function expand(text: string, given: Record<string, string> = {}, target?: string): Spec {
  const expanded = substitute(parseSpec(text, 's'), { given, target, architecture: 'arm64' });
  if (!expanded.ok) throw new Error(JSON.stringify(expanded.problems));
  return expanded.value;
}

/** A value in every field that has text, `$A` everywhere. */
const everywhere = `
args: {A: value, B: $A}
name: a
description: $A
website: $A
license: $A
vendor: $A
packager: $A
version: $A
revision: $A
provides: {p: {version: ['= 1$A']}}
sources:
  git: {path: $A, includes: [$A], excludes: [$A], git: {url: $A, commit: $A, checksum: $A, auth: {token: $A}}}
  http: {http: {url: $A}}
  context: {context: {name: $A}, generate: [{subpath: $A, gomod: {paths: [$A], auth: {$A: {token: $A}}}}]}
  image:
    path: $A
    image:
      ref: $A
      cmd: {dir: $A, env: {K: $A}, mounts: [{dest: $A, spec: {context: {name: $A}}}], steps: [{command: $A, env: {K: $A}}]}
  inline: {inline: {file: {contents: $A}}}
  build: {build: {source: {context: {name: $A}}, dockerfile_path: $A, target: $A, args: {K: $A}}}
patches: {git: [{source: context, path: $A}]}
build: {env: {K: $A}, steps: [{command: $A, env: {K: $A}, mounts: [{dest: $A, spec: {context: {}}}]}], caches: [{dir: {dest: /$A, key: $A}}]}
artifacts: {binaries: {$A: {subpath: $A, name: $A}}, links: [{source: $A, dest: $A}], systemd: {units: {$A: {name: $A}}}}
dependencies:
  build: {b: {version: ['= 1$A']}}
  runtime: {r: {version: ['= 1$A']}}
image: {entrypoint: $A, cmd: $A, env: [K=$A], base: $A, labels: {K: $A}, working_dir: $A}
package_config: {signer: {image: $A, cmdline: $A, args: {K: $A}}}
changelog: [{author: $A, changes: [$A]}]
tests:
  - name: $A
    dir: $A
    env: {K: $A}
    mounts: [{dest: $A, spec: {context: {name: $A}}}]
    steps: [{command: $A, stdin: $A, env: {K: $A}, stdout: {equals: $A, contains: [$A], matches: [$A], starts_with: $A, ends_with: $A}}]
    files: {$A: {equals: $A, link_target: $A}}
`;

/** The paths of all texts that are `$A` or hold it still. */
function unexpanded(value: unknown, path = ''): readonly string[] {
  if (typeof value === 'string') return value.includes('$A') ? [path] : [];
  if (value instanceof Map) return [...value].flatMap(([key, inner]) => unexpanded(inner, `${path}.${String(key)}`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => unexpanded(inner, key === 'value' ? path : `${path}.${key}`));
}

describe('build arguments', () => {
  test('are expanded in the fields in which Dalec does that, and in no other', () => {
    expect(unexpanded(expand(everywhere)).toSorted()).toEqual(
      [
        ...['args.B', 'description', 'website', 'license', 'vendor', 'packager'],
        ...['sources.git.auth.token', 'sources.context.generators.0.subpath', 'sources.context.generators.0.paths.0'],
        ...['sources.context.generators.0.auth.0.token', 'sources.image.command.dir'],
        ...['sources.image.command.steps.0.command', 'sources.inline.content.contents', 'sources.build.args.K'],
        ...['build.steps.0.command', 'build.steps.0.mounts.0.dest', 'build.caches.0.dest', 'build.caches.0.key'],
        ...['path', 'subpath', 'name'].map((field) => `artifacts.files.binaries.0.${field}`),
        ...['path', 'name'].map((field) => `artifacts.systemd.units.0.${field}`),
        ...['artifacts.links.0.source', 'artifacts.links.0.dest'],
        ...['image.entrypoint', 'image.cmd', 'image.env.0', 'image.bases.0.ref', 'image.workingDirectory'],
        ...['packageConfig.signer.image', 'packageConfig.signer.cmdline'],
        ...['changelog.0.author', 'changelog.0.changes.0'],
        ...['tests.0.name', 'tests.0.dir', 'tests.0.steps.0.command', 'tests.0.files.0.path'],
        'tests.0.files.0.check.linkTarget',
      ]
        .map((path) => `.${path}`)
        .sort(),
    );
  });

  test('have the value of the user, else their default, else nothing', () => {
    const text = 'args: {V: 1.5.0, R: }\nversion: ${V}\nrevision: 1${R}';
    expect(expand(text)).toMatchObject({ version: { value: '1.5.0' }, revision: { value: '1' } });
    expect(expand(text, { V: '2', R: 'a' })).toMatchObject({ version: { value: '2' }, revision: { value: '1a' } });
  });

  test('of the platform have its values, whatever is given', () => {
    const text =
      'args: {TARGETARCH: x, TARGETOS: , BUILDPLATFORM: , TARGETVARIANT: }\nversion: $TARGETOS-$TARGETARCH$TARGETVARIANT';
    expect(expand(`${text}\nimage: {labels: {a: $BUILDPLATFORM}}`, { TARGETARCH: 'y' })).toMatchObject({
      version: { value: 'linux-arm64' },
      image: { labels: new Map([['a', expect.objectContaining({ value: 'linux/arm64' })]]) },
    });
  });

  test('have the key of the target where the spec asks for it', () => {
    expect(expand('args: {DALEC_TARGET: }\nversion: 1-$DALEC_TARGET', {}, 'trixie').version.value).toBe('1-trixie');
    expect(expand('version: 1-$DALEC_TARGET', {}, 'trixie').version.value).toBe('1-$DALEC_TARGET');
  });

  test('have the time of the sources, which builds see as well', () => {
    const text = 'version: 1.$SOURCE_DATE_EPOCH\nbuild: {steps: [{command: a}]}';
    const { version, build } = expand(text, { SOURCE_DATE_EPOCH: '42' });
    expect(version.value).toBe('1.42');
    expect(build?.env.get('SOURCE_DATE_EPOCH')?.value).toBe('42');
    expect(expand('args: {SOURCE_DATE_EPOCH: 7}\nversion: $SOURCE_DATE_EPOCH').version.value).toBe('7');
    const own = expand('build: {env: {SOURCE_DATE_EPOCH: 1}, steps: [{command: a}]}', { SOURCE_DATE_EPOCH: '42' });
    expect(own.build?.env.get('SOURCE_DATE_EPOCH')?.value).toBe('1');
  });

  test('cannot make a small spec into endless work', () => {
    const big = 'x'.repeat(100_000);
    const text = `args: {V: ${big}}\nx-a: &a [${'$V, '.repeat(1000)}]\nsources: {s: {context: {}, includes: *a, excludes: *a}}`;
    const expanded = substitute(parseSpec(text, 's'), { given: {}, target: undefined, architecture: 'arm64' });
    expect(expanded).toMatchObject({ ok: false });
    expect(expanded.ok ? '' : expanded.problems[0]?.message).toContain('take too much work to expand');
  });
});

describe('any text', () => {
  test('is a spec or has problems, and nothing is thrown', () => {
    const key = fc.constantFrom(
      ...['name', 'version', 'args', 'sources', 'src', 'inline', 'file', 'git', 'url', 'build', 'steps', 'patches'],
      ...['image', 'post', 'symlinks', 'tests', 'files', 'dependencies', 'sysext', 'targets', 'artifacts', 'x-a', '<<'],
    );
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small', maxDepth: 5 },
        fc.constantFrom(null, true, 0, -1, 1.5, '', '$A', "'", 'a/b', '..'),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.array(fc.tuple(key, tie('tree')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
      ),
    }));
    fc.assert(
      fc.property(
        fc.oneof(
          tree.map((value) => JSON.stringify(value)),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          const decoded = decodeSpec(text, 's');
          const result = decoded.ok
            ? substitute(decoded.value, { given: {}, target: 'trixie', architecture: 'x86-64' })
            : decoded;
          expect(result.ok || result.problems.length > 0).toBe(true);
        },
      ),
      { numRuns: 100 },
    );
  });
});
