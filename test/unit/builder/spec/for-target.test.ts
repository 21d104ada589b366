import { describe, expect, test } from 'vitest';

import {
  artifactsFor,
  dependenciesFor,
  imageFor,
  packageConfigFor,
  relationsFor,
  testsFor,
} from '../../../../src/builder/spec/for-target.ts';
import { parseSpec } from '../../../../src/builder/spec/parse.ts';

const spec = parseSpec(
  `
provides: [common]
conflicts: [common]
dependencies:
  build: [make]
  runtime: [bash]
  sysext: [jq]
  extra_repos: [{config: {a.repo: {inline: {file: {}}}}}]
artifacts: {binaries: {src/a: }}
image:
  entrypoint: /common
  cmd: common
  env: [A=1]
  labels: {a: common, b: common}
  volumes: {/a: {}}
  base: common
  post: {symlinks: {/a: {path: /b}}}
package_config: {signer: {image: common}}
tests: [{name: common}]
targets:
  some:
    provides: {}
    conflicts: [own]
    dependencies: {build: [gcc], sysext: [], test: [curl]}
    artifacts: {}
    image:
      entrypoint: /own
      env: [B=2]
      labels: {b: own, c: own}
      volumes: {/a: {}, /b: {}}
      bases: [{rootfs: {image: {ref: own}}}]
    package_config: {signer: {cmdline: unused}}
    tests: [{name: own}]
  none:
`,
  's',
);

describe('what holds for a target', () => {
  test('are the dependencies of the spec, list by list replaced by those of the target that say anything', () => {
    expect(dependenciesFor(spec, 'some')).toMatchObject({
      build: [{ name: 'gcc' }],
      runtime: [{ name: 'bash' }],
      sysext: [{ name: 'jq' }],
      test: [{ name: 'curl' }],
      extraRepos: [{ config: expect.any(Map) }],
    });
    expect(dependenciesFor(spec, 'none')).toBe(spec.dependencies);
    expect(dependenciesFor(spec, 'other')).toBe(spec.dependencies);
    expect(dependenciesFor(parseSpec('targets: {a: {dependencies: {build: [b]}}}', 's'), 'a')?.build).toHaveLength(1);
  });

  test('are the artifacts of the target as a whole, also if there are none', () => {
    expect(artifactsFor(spec, 'some')?.files.binaries).toEqual([]);
    expect(artifactsFor(spec, 'none')?.files.binaries).toHaveLength(1);
    expect(artifactsFor(spec, undefined)).toBe(spec.artifacts);
  });

  test('are the relations of the target, of which an empty one takes away', () => {
    expect(relationsFor(spec, 'some')).toMatchObject({
      provides: [],
      conflicts: [{ name: 'own' }],
      replaces: undefined,
    });
    expect(relationsFor(spec, 'none')).toMatchObject({ provides: [{ name: 'common' }] });
  });

  test('are all tests, those of the spec first', () => {
    expect(testsFor(spec, 'some').map(({ name }) => name)).toEqual(['common', 'own']);
    expect(testsFor(spec, 'none').map(({ name }) => name)).toEqual(['common']);
  });

  test('is the container with what the target says laid over it', () => {
    const image = imageFor(spec, 'some');
    expect(image).toMatchObject({
      entrypoint: '/own',
      cmd: 'common',
      env: ['A=1', 'B=2'],
      volumes: ['/a', '/b'],
      bases: [{ ref: { value: 'own' } }],
      post: { symlinks: [{ target: { value: '/a' }, paths: ['/b'] }] },
    });
    expect(Array.from(image?.labels ?? [], ([name, { value }]) => `${name}=${value}`)).toEqual([
      'a=common',
      'b=own',
      'c=own',
    ]);
    expect(imageFor(spec, 'none')).toBe(spec.image);
  });

  test('is the signer of the target only if it names an image', () => {
    expect(packageConfigFor(spec, 'some')?.signer?.image).toBe('common');
  });
});
