import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { makeDeb, makeRepository, makeSigningKey, type SigningKey, type TestRepository } from './support/repository.ts';
import { makeRpm, makeRpmRepository, type TestRpmRepository } from './support/rpm-repository.ts';
import { specOf } from './support/target.ts';

const program = resolve(import.meta.dirname, '../../bin/sysext-agent');

let scratch: string;
let root: string;
let distributor: SigningKey;
let own: SigningKey;
const archives: { close(): Promise<void> }[] = [];
let debs: Readonly<Record<'target' | 'own', TestRepository>>;
let rpms: Readonly<Record<'target' | 'own', TestRpmRepository>>;

/** Each target has the package `tool`, and the repository that the spec brings has `hello`. */
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'extra-repositories-'));
  distributor = makeSigningKey(scratch, 'distributor');
  own = makeSigningKey(scratch, 'own');
  const deb = (name: string) => makeDeb(scratch, { name, version: '1', files: { [`usr/bin/${name}`]: `${name}\n` } });
  const rpm = (name: string, key: SigningKey) => makeRpm(scratch, { name, version: '1', key });
  debs = {
    target: await makeRepository([deb('tool')], { key: distributor }),
    own: await makeRepository([deb('hello')], { key: own }),
  };
  rpms = {
    target: await makeRpmRepository([rpm('tool', distributor)], distributor),
    own: await makeRpmRepository([rpm('hello', own)], own),
  };
  archives.push(...Object.values(debs), ...Object.values(rpms));
});

afterAll(async () => {
  for (const archive of archives) await archive.close();
  for (const key of [distributor, own]) key.discard();
  rmSync(scratch, { recursive: true });
});

beforeEach(() => {
  root = mkdtempSync(join(scratch, 'root-'));
  const targets = join(root, 'etc/sysext-agent/targets.d');
  mkdirSync(targets, { recursive: true });
  writeFileSync(join(root, 'etc/os-release'), 'ID=test\n');
  const keys = `keys: ['${distributor.keyFile}']`;
  const deb = `{uri: '${debs.target.uri}', suites: [stable], components: [main], ${keys}}`;
  const rpm = `{family: rpm, baseurl: '${rpms.target.uri}', repo_gpgcheck: true, ${keys}}`;
  writeFileSync(join(targets, 'deb.yml'), `repositories: [${deb}]\n`);
  writeFileSync(join(targets, 'rpm.yml'), `releasever: '7'\nrepositories: [${rpm}]\n`);
});

/** A source that is written into the spec. */
function inline(text: string): string {
  return `{inline: {file: {contents: ${JSON.stringify(text)}}}}`;
}

function armored(key: SigningKey): string {
  return readFileSync(key.armoredKeyFile, 'utf8');
}

function specWith(extra: string): string {
  return `${specOf('mine', { hello: '', tool: '' })}  extra_repos:\n${extra}`;
}

const debConfig = () => `Types: deb\nURIs: ${debs.own.uri}\nSuites: stable\nComponents: main\n`;
const rpmConfig = () =>
  `[own]\nname=own\nbaseurl=${rpms.own.uri}/\ngpgkey=file:///etc/pki/rpm-gpg/own.asc\nrepo_gpgcheck=1\n`;

function specFor(family: string, key: string): string {
  const config = family === 'deb' ? `own.sources: ${inline(debConfig())}` : `own.repo: ${inline(rpmConfig())}`;
  return specWith(`    - keys: {own.asc: ${key}}\n      config: {${config}}\n      envs: [install]\n`);
}

/** Not in this process's stead: the servers of the packages run in it. */
async function build(target: string, text: string, ...more: string[]) {
  const spec = join(root, 'mine.yml');
  writeFileSync(spec, text);
  const args = ['build', spec, `--root=${root}`, `--target=${target}`, `--output=${join(root, 'out')}`, '--json=short'];
  return execa(program, [...args, ...more], { reject: false, env: { http_proxy: '' } });
}

async function contentsOf(image: string): Promise<readonly string[]> {
  const tree = mkdtempSync(join(root, 'tree-'));
  await execa('fsck.erofs', [`--extract=${tree}/t`, image]);
  return ['hello', 'tool'].map((name) => readFileSync(`${tree}/t/usr/bin/${name}`, 'utf8'));
}

describe.each([
  ['deb', ['hello\n', 'tool\n']],
  ['rpm', ['hello-1\n', 'tool-1\n']],
])('a repository of a spec for the target %s', (family, programs) => {
  test('brings packages beside those of the target, with a key that is written into the spec', async () => {
    const { stdout, stderr, exitCode } = await build(family, specFor(family, inline(armored(own))));

    expect(exitCode, stderr).toBe(0);
    expect(await contentsOf((JSON.parse(stdout) as { path: string }).path)).toEqual(programs);
  });

  test('brings them with a key of a context', async () => {
    const key = '{context: {}, path: keys/trusted.asc}';
    const directory = join(root, 'context/keys');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'trusted.asc'), armored(own));

    const { stderr, exitCode } = await build(family, specFor(family, key), `--context=${join(root, 'context')}`);

    expect(exitCode, stderr).toBe(0);
  });

  test('is refused where another key signed it, even one that the target trusts', async () => {
    const { stderr, exitCode } = await build(family, specFor(family, inline(armored(distributor))));

    expect(stderr).toContain(own.fingerprint.slice(-16).toLowerCase());
    expect(exitCode).toBe(6);
  });

  test('does not count where the spec wants it for building only', async () => {
    const text = specFor(family, inline(armored(own))).replace('[install]', '[build, test]');

    const { stderr, exitCode } = await build(family, text);

    expect(stderr).toMatch(/mine\.yml:9:\d+: there is no package hello/);
    expect(exitCode).toBe(1);
  });
});

describe('what rpm knows a package by', () => {
  const extra = (family: string) => specFor(family, inline(armored(own))).replace('    hello:', '    /usr/bin/hello:');

  test('is found for an rpm target, here the path of a file', async () => {
    const { stdout, stderr, exitCode } = await build('rpm', extra('rpm'));

    expect(exitCode, stderr).toBe(0);
    expect(await contentsOf((JSON.parse(stdout) as { path: string }).path)).toEqual(['hello-1\n', 'tool-1\n']);
  });

  test('is an unknown package for a deb target', async () => {
    const { stderr, exitCode } = await build('deb', extra('deb'));

    expect(stderr).toContain('there is no package /usr/bin/hello');
    expect(exitCode).toBe(1);
  });
});

describe('a rule that a spec allows', () => {
  test.each([
    ['setuids', 'there is no rule "setuids", did you mean "setuid"?'],
    ['os-release', '"os-release" cannot be allowed'],
  ])('must be one that can be: %s', async (rule, why) => {
    const { stderr, exitCode } = await build('deb', `${specOf('mine', { tool: '' })}x-sysext: {allow: [${rule}]}\n`);

    expect(stderr).toMatch(/mine\.yml:10:20: x-sysext\.allow\[0\]: /);
    expect(stderr).toContain(why);
    expect(exitCode).toBe(1);
  });
});

describe('a repository of a spec that cannot be used is refused with its place', () => {
  test.each([
    ['deb', 'own.list', 'deb file:/srv/packages ./', 'repositories of the kind file: are not read'],
    ['deb', 'own.list', 'deb https://example.org/x ../../up main', '"../../up" cannot be a suite or a component'],
    ['deb', 'own.list', '# nothing\n', 'it describes no deb repository'],
    [
      'rpm',
      'own.repo',
      '[own]\nbaseurl=file:///srv/packages\n',
      'own.repo [own] cannot be used: repositories of the kind',
    ],
  ])('for the target %s: %s %j', async (target, name, config, why) => {
    const { stderr, exitCode } = await build(target, specWith(`    - config: {${name}: ${inline(config)}}\n`));

    expect(stderr).toMatch(
      new RegExp(`mine\\.yml:12:\\d+: dependencies\\.extra_repos\\[0\\]\\.config\\["${name}"\\]: `),
    );
    expect(stderr).toContain(why);
    expect(stderr).toContain('Nothing was built.');
    expect(exitCode).toBe(1);
  });

  test.each([
    ['{http: {url: "https://example.org/k"}}', 'keys["k.asc"].http: a file from the web is not fetched'],
    ['{context: {}}', 'keys["k.asc"]: this is a directory: name the file in it by "path"'],
    ['{inline: {dir: {files: {a: {}, b: {}}}}}', 'keys["k.asc"]: this is a directory: name the file in it by "path"'],
  ])('for its key %s', async (key, why) => {
    const config = inline(debConfig());
    const { stderr, exitCode } = await build(
      'deb',
      specWith(`    - {keys: {k.asc: ${key}}, config: {a.list: ${config}}}\n`),
    );

    expect(stderr).toMatch(/mine\.yml:12:\d+: dependencies\.extra_repos\[0\]\./);
    expect(stderr).toContain(why);
    expect(exitCode).toBe(1);
  });

  test('where it is made of files that the spec has', async () => {
    const data = '[{dest: /srv/packages, spec: {context: {}}}]';
    const extra = `    - {config: {a.list: ${inline(debConfig())}}, data: ${data}}\n`;

    const { stderr, exitCode } = await build('deb', specWith(extra));

    expect(stderr).toMatch(
      /mine\.yml:12:\d+: dependencies\.extra_repos\[0\]\.data\[0\]: a repository that is a directory/,
    );
    expect(exitCode).toBe(1);
  });
});
