import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { loadTarget, loadTargets } from '../../../../src/builder/targets/load.ts';
import { repositoriesFor, targetFor, type Repository } from '../../../../src/builder/targets/target.ts';
import { isAgentError } from '../../../../src/core/errors.ts';
import { renderProblem } from '../../../../src/core/problems.ts';

const shipped = fileURLToPath(new URL('../../../../targets', import.meta.url));

describe('the targets that ship', () => {
  const targets = loadTargets([shipped]);

  test('are these', () => {
    expect(targets.map(({ name }) => name)).toEqual([
      ...['almalinux8', 'almalinux9', 'azlinux3', 'azlinux4', 'bookworm', 'fedora', 'flatcar', 'forky', 'noble'],
      ...['resolute', 'rockylinux8', 'rockylinux9', 'trixie'],
    ]);
  });

  test('have every key they name, as armored text', () => {
    const keys = targets.flatMap(({ repositories }) =>
      repositories.flatMap((repository) => repository.keys.map(String)),
    );
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys.filter((path) => !path.startsWith('/etc/'))) {
      expect(existsSync(key), key).toBe(true);
      expect(readFileSync(key, 'utf8')).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----\n/);
    }
  });

  test('check the dates of indexes', () => {
    const repositories = targets.flatMap((target) => target.repositories);
    expect(repositories.every((of) => of.family !== 'deb' || (of.checkDate && of.checkValidUntil))).toBe(true);
  });

  test('check the signatures of rpm packages', () => {
    const repositories = targets.flatMap((target) => target.repositories);
    expect(repositories.some(({ family }) => family === 'rpm')).toBe(true);
    expect(repositories.every((of) => of.family !== 'rpm' || of.gpgcheck)).toBe(true);
  });

  test.each([
    [{ ID: 'debian', VERSION_CODENAME: 'trixie', VERSION_ID: '13' }, 'trixie'],
    [{ ID: 'debian', VERSION_CODENAME: 'bookworm' }, 'bookworm'],
    [{ ID: 'ubuntu', VERSION_CODENAME: 'noble' }, 'noble'],
    [{ ID: 'flatcar', VERSION_ID: '4593.0.0' }, 'flatcar'],
    [{ ID: 'debian', VERSION_CODENAME: 'sid' }, undefined],
    [{}, undefined],
  ])('%j is a host of %s', (osRelease, name) => {
    expect(targetFor(osRelease, targets)?.name).toBe(name);
  });

  test('have libraries where their distributions have them', () => {
    const other = targets.filter(({ libdir }) => libdir !== undefined);
    expect(other.map(({ name, libdir }) => `${name} ${libdir}`)).toEqual([
      ...['almalinux8 /usr/lib64', 'almalinux9 /usr/lib64', 'azlinux4 /usr/lib64', 'fedora /usr/lib64'],
      ...['rockylinux8 /usr/lib64', 'rockylinux9 /usr/lib64'],
    ]);
  });

  test('have an archive for each architecture', () => {
    const noble = targets.find(({ name }) => name === 'noble')!;
    expect(addresses(repositoriesFor(noble, 'x86-64'))).toEqual([
      ['http://archive.ubuntu.com/ubuntu', 'noble', 'noble-updates'],
      ['http://security.ubuntu.com/ubuntu', 'noble-security'],
    ]);
    expect(addresses(repositoriesFor(noble, 'arm64')).map(([uri]) => uri)).toEqual([
      'http://ports.ubuntu.com/ubuntu-ports',
    ]);
    expect(repositoriesFor(noble, 'sparc64')).toEqual([]);
  });

  test('give Flatcar the packages of noble and settings of its own', () => {
    const [flatcar, noble] = ['flatcar', 'noble'].map((wanted) => targets.find(({ name }) => name === wanted)!);
    expect(flatcar?.repositories).toEqual(noble?.repositories);
    expect(flatcar?.sysextDefaults).toEqual({
      DALEC_SYSEXT_OS_ID: 'flatcar',
      DALEC_SYSEXT_SYSEXT_LEVEL: '1.0',
      DALEC_SYSEXT_IMAGE_NAME: '${name}',
    });
    expect(noble?.sysextDefaults).toEqual({});
  });
});

function addresses(repositories: readonly Repository[]): readonly (readonly string[])[] {
  return repositories.map((of) => (of.family === 'deb' ? [of.uri, ...of.suites] : of.baseurl));
}

describe('targets of the administrator', () => {
  let etc: string;

  beforeEach(() => {
    etc = mkdtempSync(join(tmpdir(), 'targets-'));
  });

  afterEach(() => {
    rmSync(etc, { recursive: true });
  });

  function problemsOf(files: Readonly<Record<string, string>>): readonly string[] {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(etc, name), text);
    try {
      loadTargets([etc]);
      return [];
    } catch (error) {
      if (!isAgentError(error, 'invalid-config')) throw error;
      const { problems = [] } = error.details;
      return problems.map(({ position, field, message }) =>
        renderProblem({ position: { ...position, file: position.file.slice(etc.length + 1) }, field, message }),
      );
    }
  }

  const repository =
    'repositories: [{uri: "https://mirror.example/debian/", suites: [s], components: [main], keys: [k.asc]}]';

  test('replace and mask those that ship', () => {
    writeFileSync(join(etc, 'trixie.yml'), `description: ours\n${repository}`);
    symlinkSync('/dev/null', join(etc, 'noble.yml'));
    writeFileSync(join(etc, 'flatcar.yml'), 'packages_from: trixie');
    const targets = loadTargets([etc, shipped]);
    const names = targets.map(({ name }) => name);
    expect(names.filter((name) => !/azlinux|linux\d|fedora/.test(name))).toEqual([
      'bookworm',
      'flatcar',
      'forky',
      'resolute',
      'trixie',
    ]);
    expect(targets.at(-1)).toEqual({
      name: 'trixie',
      description: 'ours',
      match: {},
      repositories: [
        {
          family: 'deb',
          uri: 'https://mirror.example/debian',
          suites: ['s'],
          components: ['main'],
          keys: [join(etc, 'k.asc')],
          checkValidUntil: true,
          checkDate: true,
        },
      ],
      sysextDefaults: {},
    });
    expect(targetFor({ ID: 'anything' }, targets)).toBeUndefined();
  });

  test('may name keys anywhere, and do without checks of dates', () => {
    const text = repository.replace('[k.asc]', '[/etc/k.gpg], check_date: false, check_valid_until: false');
    writeFileSync(join(etc, 'a.yml'), text);
    expect(loadTargets([etc])[0]?.repositories[0]).toMatchObject({
      keys: ['/etc/k.gpg'],
      checkDate: false,
      checkValidUntil: false,
    });
  });

  test('for more fields of os-release come before those for fewer', () => {
    writeFileSync(join(etc, 'any.yml'), `match: {ID: debian}\n${repository}`);
    const targets = loadTargets([etc, shipped]);
    expect(targetFor({ ID: 'debian', VERSION_CODENAME: 'trixie' }, targets)?.name).toBe('trixie');
    expect(targetFor({ ID: 'debian', VERSION_CODENAME: 'sid' }, targets)?.name).toBe('any');
  });

  test('have the problems of all files reported at once', () => {
    expect(
      problemsOf({
        'a.yml': 'repositorys: []\ndescription: x\n',
        'b.yml': 'repositories:\n- uri: ftp://x\n  suites: [../x]\n  components: []\n  architectures: [mips]\n',
        'c.yml': `${repository}\nsysext_defaults: {OS_ID: x}`,
        'D d.yml': repository,
        'e.yml': 'packages_from: "',
        'f.yml': `${repository}\nlibdir: /etc`,
        'g.yml': `${repository}\nlibdir: /usr/../lib`,
      }),
    ).toEqual([
      'D d.yml:1:1: "D d" cannot name a target: a-z 0-9 . _ - only',
      'a.yml:1:1: unknown field "repositorys", did you mean "repositories"?',
      'b.yml:2:3: repositories[0].keys: this field is required',
      'b.yml:2:8: repositories[0].uri: "ftp://x" is not the address of a repository: http:// or https://',
      'b.yml:3:12: repositories[0].suites[0]: "../x" cannot be part of an address',
      'b.yml:4:15: repositories[0].components: must not be empty',
      'b.yml:5:19: repositories[0].architectures[0]: unknown architecture "mips"',
      'c.yml:2:19: sysext_defaults: "OS_ID" does not begin with DALEC_SYSEXT_',
      'e.yml:1:17: Missing closing "quote',
      'f.yml:2:9: libdir: "/etc" is not a directory below /usr',
      'g.yml:2:9: libdir: "/usr/../lib" is not a directory below /usr',
    ]);
  });

  test('need repositories, their own or those of another target that has its own', () => {
    expect(problemsOf({ 'a.yml': 'description: x' })).toEqual(['a.yml:1:1: repositories or packages_from is required']);
    expect(problemsOf({ 'a.yml': 'packages_from: nowhere', 'b.yml': 'packages_from: a' })).toEqual([
      'a.yml:1:16: packages_from: there is no target "nowhere" with repositories',
      'b.yml:1:16: packages_from: there is no target "a" with repositories',
    ]);
  });

  test('may be none at all', () => {
    mkdirSync(join(etc, 'empty'));
    expect(loadTargets([join(etc, 'empty'), join(etc, 'missing')])).toEqual([]);
  });
});

describe('one target by its name', () => {
  test('is the one that is found among all', () => {
    const all = loadTargets([shipped]);

    for (const target of all) expect(loadTarget([shipped], target.name)).toEqual(target);
  });

  test('may be missing', () => {
    expect(loadTarget([shipped], 'nowhere')).toBeUndefined();
  });

  test('is found beside a file that is broken', () => {
    const directory = mkdtempSync(join(tmpdir(), 'targets-'));
    writeFileSync(join(directory, 'broken.yml'), 'repositories: [');

    expect(loadTarget([directory, shipped], 'trixie')?.name).toBe('trixie');
    expect(() => loadTarget([directory, shipped], 'broken')).toThrow('cannot read the build targets');
    rmSync(directory, { recursive: true });
  });
});
