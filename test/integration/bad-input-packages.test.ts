import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import type { Machine } from '../lab/machine.ts';
import { debBytes, tarBytes, type TarMember } from '../support/archives.ts';
import { deeds, failure, hostState, machineWithBase, type HostState } from './support/host-state.ts';
import { makeDeb, makeRepository, makeSigningKey, type TestRepository } from './support/repository.ts';
import { addTarget, specOf } from './support/target.ts';

const day = 24 * 60 * 60 * 1000;
const helloFile = 'hello_2.0-1_all.deb';

let workshop: string;
let archive: TestRepository;
let machine: Machine;
let debs: string[];
let before: HostState;

beforeAll(async () => {
  workshop = mkdtempSync(join(tmpdir(), 'workshop-'));
  debs = [
    makeDeb(workshop, { name: 'hello', version: '2.0-1', files: { 'usr/bin/hello': '#!/bin/sh\necho hello\n' } }),
    makeDeb(workshop, { name: 'vim', version: '9', fields: { Provides: 'editor' } }),
    makeDeb(workshop, { name: 'nano', version: '7', fields: { Provides: 'editor' } }),
    evilDeb('upward', [{ name: '../../etc/cron.d/evil', content: 'evil' }]),
    evilDeb('link', [
      { name: './usr/share/out', type: '2', target: '../../../../etc' },
      { name: './usr/share/out/evil', content: 'evil' },
    ]),
  ];
  archive = await makeRepository(debs);
  machine = await machineWithBase();
  before = await hostState(machine);
});

afterAll(async () => {
  await machine.stop();
  await archive.close();
  rmSync(workshop, { recursive: true });
});

beforeEach(async () => {
  archive.publish(debs);
  await addTarget(machine, archive);
  await machine.shell('rm -rf /var/cache/sysext-agent');
});

/** A package with a good control file, whose data is this archive. */
function evilDeb(name: string, members: readonly TarMember[]): string {
  const path = makeDeb(workshop, { name, version: '6.6' });
  const data = debBytes(tarBytes([{ name: './usr/bin/good', content: 'good' }, ...members]));
  writeFileSync(path, withControlOf(readFileSync(path), data));
  return path;
}

/** apt-ftparchive reads the control file of a package: the data of `evil` goes behind that of `sound`. */
function withControlOf(sound: Buffer, evil: Buffer): Buffer {
  const dataOf = (deb: Buffer) => deb.indexOf('data.tar');
  return Buffer.concat([sound.subarray(0, dataOf(sound)), evil.subarray(dataOf(evil))]);
}

/** What comes of `install` for a spec with these packages. */
async function installed(packages: Readonly<Record<string, string>>, ...options: readonly string[]) {
  return machine.agent(['install', await specFor(packages), '--target=local', ...options]);
}

async function specFor(packages: Readonly<Record<string, string>>): Promise<string> {
  await machine.write('/srv/tools.yml', specOf('tools', packages));
  return '/srv/tools.yml';
}

/** `build` of the same, which must succeed, and what it said aside. */
async function built(packages: Readonly<Record<string, string>>, ...options: readonly string[]): Promise<string> {
  const spec = await specFor(packages);
  const result = await machine.agent(['build', spec, '--target=local', '--output=/srv/out', ...options]);
  expect(result).toMatchObject({ exitCode: 0 });
  return result.stderr;
}

describe('a package', () => {
  test.each<[what: string, packages: Record<string, string>, said: string[]]>([
    ['that does not exist', { helo: '' }, ['there is no package helo', 'similar names: hello', 'Nothing was changed.']],
    [
      'of which there is no such version',
      { hello: '>= 3' },
      ['no version of hello is >= 3', 'available: 2.0-1 in stable', 'Nothing was changed.', 'Relax the constraints'],
    ],
    [
      'that several packages provide',
      { editor: '' },
      [
        'editor is a virtual package that several packages provide',
        'provided by: nano, vim',
        'Nothing was changed.',
        'List the package that you mean by its own name.',
      ],
    ],
    [
      'and others with it',
      { hello: '<< 2', helo: '', editor: '' },
      [
        '3 of the packages that are asked for cannot be had',
        'editor is a virtual package',
        'no version of hello is << 2',
        'there is no package helo',
      ],
    ],
  ])('%s cannot be had, and the message says what can', async (_, packages, said) => {
    expect(await installed(packages)).toEqual(failure(1, ...said));
  });

  test.each([
    ['upward', '"../../etc/cron.d/evil" leads upwards by ".." in its name'],
    ['link', '"usr/share/out/evil" of link lies behind "usr/share/out", a symbolic link of link'],
  ])('%s that leads out of its tree is refused', async (name, said) => {
    expect(await installed({ [name]: '' })).toEqual(
      failure(7, 'the packages hold what no image may have', said, 'Nothing was unpacked.'),
    );
    expect(await machine.shell('find / -xdev -name evil -not -path "/proc/*"')).toBe('');
  });
});

describe('a repository', () => {
  test('that another key signed is not trusted', async () => {
    const other = makeSigningKey(workshop, 'other');
    await addTarget(machine, archive, other.keyFile);

    expect(await installed({ hello: '' })).toEqual(
      failure(
        6,
        `${archive.uri}/dists/stable/InRelease has no good signature by a trusted key`,
        `signed by key ${archive.key.fingerprint.slice(-16).toLowerCase()}`,
        `trusted keys: ${other.fingerprint.slice(-16).toLowerCase()}`,
        '/etc/sysext-agent/targets.d/keys/local.gpg',
        'Nothing was changed.',
      ),
    );
    other.discard();
  });

  test('whose lists have expired is not used', async () => {
    archive.publish(debs, { date: new Date(Date.now() - 9 * day), validUntil: new Date(Date.now() - day) });

    expect(await installed({ hello: '' })).toEqual(
      failure(6, 'InRelease', 'expired', 'Nothing was changed.', 'check_valid_until: false'),
    );
  });

  test('that is away is named with what to check', async () => {
    await machine.write(
      '/etc/sysext-agent/targets.d/local.yml',
      'repositories: [{uri: "http://127.0.0.1:9/debian", suites: [stable], components: [main], keys: [keys/local.gpg]}]',
    );

    expect(await installed({ hello: '' })).toEqual(
      failure(1, 'cannot fetch http://127.0.0.1:9/debian/dists/stable/InRelease', 'Nothing was changed.', 'proxy'),
    );
  });
});

describe('a package file', () => {
  test('with a wrong byte is refused, and nothing of it stays', async () => {
    archive.server.inject(helloFile, { kind: 'flip', at: 100 });

    expect(await installed({ hello: '' })).toEqual(
      failure(6, `${helloFile} is not the file that was promised`, 'expected: sha256 ', 'found:    sha256 '),
    );
    expect(await machine.shell('ls /var/cache/sysext-agent/packages')).toBe('');
    expect(await built({ hello: '' })).not.toContain('warning');
  });

  test('with a wrong byte in the cache is fetched again, if it may be', async () => {
    await built({ hello: '' });
    const damage = `cd /var/cache/sysext-agent; rm -r built unpacked
      printf X | dd of="$(ls packages/*.deb)" bs=1 seek=100 conv=notrunc status=none`;

    await machine.shell(damage);
    expect(await installed({ hello: '' }, '--offline')).toEqual(
      failure(6, 'the cached package file of hello was damaged', 'was removed.', 'again without --offline'),
    );
    await built({ hello: '' });
    await machine.shell(damage);
    expect(await built({ hello: '' })).toContain('warning: the cached package file of hello was damaged');
  });

  test('that is not in the cache is missed without a network', async () => {
    await machine.agent(['build', await specFor({ helo: '' }), '--target=local']);

    expect(await installed({ hello: '' }, '--offline')).toEqual(
      failure(1, 'hello 2.0-1 is not in the cache, and the network is not used', 'Nothing was changed.'),
    );
  });

  test('that comes in two pieces is put together', async () => {
    archive.server.inject(helloFile, { kind: 'truncate', after: 100 });

    await built({ hello: '' });
    expect(await machine.shell('ls /var/cache/sysext-agent/packages')).toMatch(/^[0-9a-f]{64}\.deb\n$/);
  });

  test('that never comes whole is given up, and fetched on when the server is well', async () => {
    archive.server.inject(helloFile, { kind: 'truncate', after: 0 }, 4);

    expect(await installed({ hello: '' })).toEqual(
      failure(1, helloFile, 'the connection was closed early', 'tried 4 times', 'Nothing was changed.'),
    );
    await built({ hello: '' });
  });
});

test('an image for another system is built, explained, and not installed', async () => {
  const fedora = ['--build-arg', 'DALEC_SYSEXT_OS_ID=fedora'];
  await built({ hello: '' }, ...fedora);
  const image = '/srv/out/tools-v1.0-1-local-x86-64.raw';
  const explanation = ['tools does not fit this host: it is for ID=fedora, this host is ID=debian'];
  const fields = ['field: ID', 'expected: debian', 'found: fedora'];

  expect(await machine.agent(['check', image])).toEqual(failure(5, ...explanation, ...fields));
  const json = await machine.agent(['check', image, '--json=short']);
  expect({ ...json, stdout: JSON.parse(json.stdout) }).toMatchObject({
    exitCode: 5,
    stdout: { fits: false, why: { field: 'ID', expected: 'debian', found: 'fedora' } },
  });
  expect(await installed({ hello: '' }, ...fedora)).toEqual(
    failure(5, ...explanation, ...fields, 'Nothing was changed.'),
  );
});

test('none of that has changed the host', async () => {
  expect(await hostState(machine)).toEqual(before);
  expect(await deeds(machine)).toEqual(['install done']);
});
