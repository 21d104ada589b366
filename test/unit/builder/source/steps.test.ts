import { statSync, readFileSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';

import { describe, expect, test } from 'vitest';

import { generatorSteps } from '../../../../src/builder/source/generator-steps.ts';
import type { SourceMeans } from '../../../../src/builder/source/means.ts';
import { patchSteps } from '../../../../src/builder/source/patch-steps.ts';
import { parseSpec } from '../../../../src/builder/spec/parse.ts';
import { temporaryDirectory } from '../../../support/archives.ts';
import { sourceMeans } from '../../../support/sources.ts';

function specOf(fields: string) {
  return parseSpec(`name: a\n${fields}`, 'a.yml');
}

describe('patches', () => {
  test('are applied by sources in the order of their names, and for each as the spec has them', () => {
    const steps = patchSteps(
      specOf(`sources:
  b: {context: {}}
  a: {context: {}}
  one.patch: {inline: {file: {contents: x}}}
  more: {context: {}}
patches:
  b: [{source: one.patch}]
  a: [{source: more, path: deep/two.patch, strip: 0}, {source: one.patch}]`),
    );

    expect(steps.map(({ argv }) => argv.join(' '))).toEqual([
      'patch -d a -p0 -s -i /build/more/deep/two.patch',
      'patch -d a -p1 -s -i /build/one.patch',
      'patch -d b -p1 -s -i /build/one.patch',
    ]);
    expect(steps.every(({ network, directory }) => !network && directory === '/build')).toBe(true);
    expect(steps[0]?.title).toBe('patch more/deep/two.patch of a');
  });
});

describe('generators', () => {
  function stepsOf(fields: string, given: Partial<SourceMeans> = {}) {
    using work = temporaryDirectory();
    return generatorSteps(specOf(fields), sourceMeans(work.path, given));
  }

  test('run over the network where the source is, and tell the build what they made', () => {
    const steps = stepsOf(
      `sources:
  rust: {context: {}, generate: [{subpath: sub, cargohome: {paths: [., x]}}]}
  go: {context: {}, generate: [{gomod: {}}]}
  js: {context: {}, generate: [{nodemod: {registry: "http://127.0.0.1:1"}}]}`,
      { proxies: { https_proxy: 'http://proxy:3128' }, buildArguments: { DALEC_GOMOD_PROXY: 'http://127.0.0.1:2' } },
    );

    expect(steps.map(({ title }) => title)).toEqual([
      'generator gomod of go',
      'generator nodemod of js',
      'generator cargohome of rust/sub',
      'generator cargohome of rust/sub/x',
    ]);
    expect(steps.map(({ argv }) => argv[5])).toEqual([
      '/build/go',
      '/build/js',
      '/build/rust/sub',
      '/build/rust/sub/x',
    ]);
    expect(steps.map(({ exports }) => exports)).toEqual([
      { GOMODCACHE: '/build/__gomods' },
      {},
      { CARGO_HOME: '/build/__cargohome' },
      { CARGO_HOME: '/build/__cargohome' },
    ]);
    expect(steps.every(({ network }) => network)).toBe(true);
    expect(steps.every(({ environment }) => environment['https_proxy'] === 'http://proxy:3128')).toBe(true);
    expect(steps[0]?.environment).toMatchObject({ GOPROXY: 'http://127.0.0.1:2', GOFLAGS: '-modcacherw' });
    expect(steps[1]?.environment).toMatchObject({ npm_config_registry: 'http://127.0.0.1:1' });
  });

  test('get no proxies where Dalec would give them none', () => {
    const [step] = stepsOf('sources: {go: {context: {}, generate: [{gomod: {}}]}}', {
      proxies: { http_proxy: 'p' },
      buildArguments: { DALEC_DISABLE_PROXY_CONFIG: '1' },
    });
    expect(step?.environment).not.toHaveProperty('http_proxy');
  });

  test('of pip fetch with the network and install without, and all packages can be imported', () => {
    const steps = stepsOf(
      'sources: {py: {context: {}, generate: [{pip: {paths: [a, b], index_url: "http://i", extra_index_urls: ["http://j"]}}]}}',
    );

    expect(steps.map(({ network }) => network)).toEqual([true, false, true, false]);
    expect(steps[0]?.argv.slice(5)).toEqual([
      '/build/py/a',
      'requirements.txt',
      '--index-url=http://i',
      '--extra-index-url=http://j',
    ]);
    expect(steps[3]?.exports).toEqual({
      PIP_CACHE_DIR: '/build/__pip',
      PYTHONPATH: '/build/py/b/site-packages:/build/py/a/site-packages',
    });
  });

  test('of Go change go.mod first where the spec wants it', () => {
    const [step] = stepsOf(
      `sources: {go: {context: {}, generate: [{gomod: {edits: {replace: ["a => b@v1"], drop: [c]}}}]}}`,
    );
    expect(step?.argv.slice(6)).toEqual(['-replace=a=b@v1', '-droprequire=c']);
    expect(step?.argv[3]).toContain('go mod edit "$@"\ngo mod tidy\ngo mod download');
  });

  test('get secrets as files, which are in no argument, variable or key', () => {
    using work = temporaryDirectory();
    writeFileSync(work.at('token'), 'hush\n', { mode: 0o600 });
    const fields = `sources:
  go: {git: {url: "https://own.org/go", commit: c, auth: {header: T}}, generate: [{gomod: {auth: {"it's.org:8443": {token: T}}}}]}`;
    const [step] = generatorSteps(
      specOf(fields),
      sourceMeans(work.path, { secrets: new Map([['T', work.at('token')]]) }),
    );
    if (step === undefined) throw new Error('there is no step');

    expect(JSON.stringify({ ...step, binds: [] })).not.toContain('hush');
    expect(step.environment).toMatchObject({ GOPRIVATE: "it's.org,own.org" });
    expect(step.binds.map(({ at, digest, writable }) => [at, digest, writable])).toEqual([
      ['/run/secrets/gomod-0', 'secret T', false],
      ['/run/secrets/gomod-1', 'secret T', false],
    ]);
    const [bind] = step.binds;
    expect(readFileSync(bind?.source ?? '', 'utf8')).toBe('hush');
    expect(statSync(work.at('work/secrets')).mode & 0o777).toBe(0o700);

    const script = (step.argv[3] ?? '')
      .replaceAll('/run/secrets/gomod-0', bind?.source ?? '')
      .replaceAll('/run/secrets/gomod-1', bind?.source ?? '')
      .replace('[ -f go.mod ] || exit 0', '')
      .replace(
        'go mod download',
        'printf "%s|%s|" "$GIT_CONFIG_KEY_0" "$GIT_CONFIG_VALUE_0" "$GIT_CONFIG_KEY_1" "$GIT_CONFIG_VALUE_1"',
      );
    const printed = execFileSync('/bin/sh', ['-eu', '-c', script, 'sh', work.path], { encoding: 'utf8' });
    expect(printed.split('|')).toEqual([
      "http.https://it's.org:8443/.extraHeader",
      `Authorization: basic ${Buffer.from('x-access-token:hush').toString('base64')}`,
      'http.https://own.org/.extraHeader',
      'Authorization: hush',
      '',
    ]);
  });

  test('get keys of ssh as files in memory, one for each host, which must be known', () => {
    using work = temporaryDirectory();
    writeFileSync(work.at('key'), 'hush\n', { mode: 0o600 });
    writeFileSync(work.at('known'), 'a.org ssh-ed25519 AAAA\n');
    const auth = '{a.org: {ssh: {id: K}}, b.org: {ssh: {id: K}}}';
    const [step] = generatorSteps(
      specOf(`sources: {go: {context: {}, generate: [{gomod: {auth: ${auth}}}]}}`),
      sourceMeans(work.path, { secrets: new Map([['K', work.at('key')]]), knownHosts: [work.at('known')] }),
    );
    const key = step?.binds[0]?.source ?? '';
    const known = step?.binds[2];

    const script = (step?.argv[3] ?? '')
      .replaceAll(/\/run\/secrets\/gomod-\d/g, key)
      .replaceAll('/dev/shm/', work.at('memory-'))
      .replace('[ -f go.mod ] || exit 0', '')
      .replace('go mod download', 'echo "$GIT_SSH_COMMAND"');
    const printed = execFileSync('/bin/sh', ['-eu', '-c', script, 'sh', work.path], { encoding: 'utf8' });

    expect(printed).toMatch(/^ssh .* -o IdentitiesOnly=yes -i \S+memory-gomod-0 -i \S+memory-gomod-1\n$/);
    expect(readFileSync(work.at('memory-gomod-1'), 'utf8')).toBe('hush\n');
    expect(statSync(work.at('memory-gomod-1')).mode & 0o777).toBe(0o600);
    expect(printed).toContain(` -o UserKnownHostsFile=${known?.at} -o StrictHostKeyChecking=yes `);
    expect(readFileSync(known?.source ?? '', 'utf8')).toBe('a.org ssh-ed25519 AAAA\n\n');
  });

  test('that need a secret which nobody gave say so', () => {
    expect(() => stepsOf('sources: {go: {context: {}, generate: [{gomod: {auth: {a.org: {token: T}}}}]}}')).toThrow(
      'the source "go" needs the secret "T", which was not given',
    );
  });
});
