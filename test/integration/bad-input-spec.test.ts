import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Machine } from '../lab/machine.ts';
import { deeds, failure, hostState, machineWithBase, type HostState } from './support/host-state.ts';

let machine: Machine;
let before: HostState;

beforeAll(async () => {
  machine = await machineWithBase();
  before = await hostState(machine);
});

afterAll(async () => {
  await machine.stop();
});

const path = '/srv/bad.yml';
const head = `name: bad
version: '1'
license: MIT
description: made for a test
`;
const line = (count: number) => `${path}:${head.split('\n').length - 1 + count}`;

describe('a spec', () => {
  test.each<readonly [what: string, text: string, ...said: string[]]>([
    [
      'with an unknown field',
      `${head}dependencies:\n  sysexts:\n    jq:\n`,
      `${line(2)}:3: dependencies: unknown field "sysexts", did you mean "sysext"?`,
      '|   sysexts:\n',
      '^\n',
    ],
    ['with a value of the wrong type', `${head}targets: 3\n`, `${line(1)}:10: targets: expected a map, found 3`],
    ['with a mistake of syntax', `${head}dependencies:\n  sysext: {jq\n`, `${line(2)}:14: `, '|   sysext: {jq\n'],
    ['with a key twice', `${head}name: other\n`, `${line(1)}:1: duplicate key "name"`],
    [
      'with files that nothing here can make',
      `${head}sources:\n  code:\n    build: {source: {context: {}}}\nartifacts: {binaries: {code/x: }}\n`,
      `${line(3)}:5: sources.code.build: a Dockerfile is not built: there is no engine for that here`,
    ],
    [
      'with a build argument that nobody declares',
      `${head}sources:\n  code: {git: {url: $URL, commit: x}}\n`,
      `${line(2)}:21: sources.code.git.url: error performing variable expansion: build arg "URL" not declared`,
    ],
    [
      'with several problems',
      `${head}licence: MIT\ndependencies:\n  sysext:\n    jq: {versoin: ['>= 1']}\ntargets: 3\n`,
      'there are 3 problems',
      `${line(1)}:1: unknown field "licence", did you mean "license"?`,
      `${line(4)}:10: dependencies.sysext.jq: unknown field "versoin", did you mean "version"?`,
      `${line(5)}:10: targets: expected a map, found 3`,
    ],
    [
      'with a name that leads elsewhere',
      head.replace('bad', '../../etc'),
      `${path}:1:7: name: "../../etc" cannot name`,
    ],
    [
      'with nothing in it',
      '',
      'there are 2 problems',
      'name: this field is required',
      'version: this field is required',
    ],
    [
      'without a package',
      `${head}dependencies:\n  sysext: {}\n`,
      `${path} has no files and no package for the target trixie`,
      'Nothing was built.',
      'Name packages in dependencies.sysext',
    ],
  ])('%s is refused at its lines, all at once', async (_, text, ...said) => {
    await machine.write(path, text);

    expect(await machine.agent(['install', path, '--target=trixie', '--offline'])).toEqual(
      failure(1, 'sysext-agent: ', ...said),
    );
  });

  test('that is no text is refused', async () => {
    await machine.shell(`printf '\\0\\377\\376' >${path}`);

    expect(await machine.agent(['install', path])).toEqual(
      failure(1, `${path}:1:1: the control character U+0000 is not allowed`, 'Nothing was changed.'),
    );
  });

  test('that is missing or a directory is named', async () => {
    await machine.shell('mkdir /srv/directory.yml');

    expect(await machine.agent(['install', '/srv/missing.yml'])).toEqual(
      failure(1, 'cannot read /srv/missing.yml: no such file or directory', 'Nothing was changed.'),
    );
    expect(await machine.agent(['install', '/srv/directory.yml'])).toEqual(
      failure(1, 'cannot read /srv/directory.yml: it is a directory', 'Nothing was changed.'),
    );
  });
});

describe('a command line', () => {
  test.each<readonly [args: string[], ...said: string[][]]>([
    [[], ['Usage: sysext-agent']],
    [
      ['instal', '/srv/base.raw'],
      ["unknown command 'instal'", 'Did you mean install?'],
    ],
    [['install'], ["missing required argument 'ref'"]],
    [
      ['install', '--nmae=x', '/srv/base.raw'],
      ["unknown option '--nmae=x'", 'Did you mean --name?'],
    ],
    [['install', '/srv/base.raw', '--wait=soon'], ['--wait takes a number of seconds, not soon']],
    [['install', '/srv/base.raw', '--root=/srv/base.raw'], ['--root=/srv/base.raw is not a directory']],
    [['install', 'ftp://example.org/x.raw'], ['"ftp://example.org/x.raw" begins with none of oci://, https:// and /']],
    [['install', ''], ['an empty argument names no spec and no image']],
    [['install', '/srv/base.raw', '/srv/base.raw'], ['two of the images are the extension base']],
    [['install', '/srv/base.raw', '/srv/base.raw', '--name=x'], ['--name names one extension']],
    [['remove'], ["missing required argument 'name'"]],
    [['list', 'base'], ['too many arguments']],
    [['list', '--json=yaml'], ['--json takes pretty, short or off, not yaml']],
    [['history', '999'], ['the history has no operation 999']],
    [['history', '--limit=-1'], ['--limit takes a count from 1 on']],
    [['build', '/srv/x.yml', '--format=zip'], ['--format takes erofs or squashfs, not zip']],
    [['build', '/srv/x.yml', '--build-arg=x'], ['--build-arg takes KEY=VALUE, not x']],
  ])('%j is a mistake of usage', async (args, said = []) => {
    expect(await machine.agent(args)).toEqual(failure(2, ...said));
  });

  test('that removes what is not installed names what is', async () => {
    expect(await machine.agent(['remove', 'jq'])).toEqual(
      failure(4, 'this agent has not installed an extension jq', 'installed: base', 'Nothing was changed.'),
    );
  });

  test.each([
    ['install', '/srv/missing.raw'],
    ['install', '/srv/missing.yml'],
    ['remove', 'jq'],
    ['history', '999'],
    ['check', '/srv/missing.raw'],
    ['inspect', '/srv/missing.raw'],
    ['build', '/srv/missing.yml'],
    ['merge'],
  ])('that fails as %s %s prints nothing that is not JSON where that is asked for', async (...args) => {
    const { exitCode, stdout, stderr } = await machine.agent([...args, '--json=short']);

    expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: expect.toBeOneOf([1, 2, 4]), stdout: '' });
    expect(stderr).toMatch(/^sysext-agent: /);
  });
});

test('none of that has changed the host', async () => {
  expect(await hostState(machine)).toEqual(before);
  expect(await deeds(machine)).toEqual(['install done', 'remove failed', 'remove failed', 'merge failed']);
});
