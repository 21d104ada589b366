import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Machine } from '../lab/machine.ts';
import { deeds, failure, hostState, machineWithBase, unchanged, type HostState } from './support/host-state.ts';
import { erofsImage, extensionImage, putBytes, releaseOf } from './support/images.ts';
import { makeDeb, makeRepository, type TestRepository } from './support/repository.ts';
import { addTarget, specOf } from './support/target.ts';

const cache = '/var/cache/sysext-agent';
const KiB = 1024;

let workshop: string;
let archive: TestRepository;
let machine: Machine;

beforeAll(async () => {
  workshop = mkdtempSync(join(tmpdir(), 'workshop-'));
  const noise = randomBytes(256 * KiB).toString('base64');
  const big = makeDeb(workshop, { name: 'big', version: '1', files: { 'usr/share/big': noise } });
  archive = await makeRepository([big]);
  machine = await machineWithBase();
  await addTarget(machine, archive);
  await machine.write('/srv/big.yml', specOf('big', { big: '' }));
  await putBytes(machine, '/srv/good.raw', extensionImage('good'));
  await putBytes(machine, '/srv/large.raw', erofsImage({ ...releaseOf('large'), 'usr/share/large': noise }));
});

afterAll(async () => {
  await machine.stop();
  await archive.close();
  rmSync(workshop, { recursive: true });
});

describe('a user who is not root', () => {
  const asNobody = async (...args: readonly string[]) =>
    machine.run(
      ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '/srv/sysext-agent/bin/sysext-agent', ...args],
      { env: { HOME: '/tmp/nobody' } },
    );

  let before: HostState;

  beforeAll(async () => {
    await machine.shell('install --directory --owner=65534 /tmp/nobody');
    before = await hostState(machine);
  });

  test.each([
    [['install', '/srv/good.raw'], 'install extensions'],
    [['remove', 'base'], 'remove extensions'],
    [['merge'], 'merge extensions'],
    [['unmerge'], 'unmerge extensions'],
    [['refresh'], 'refresh extensions'],
  ])('is told that %j is for root', async (args, what) => {
    expect(await asNobody(...args)).toEqual(
      failure(1, `sysext-agent: only root may ${what}`, 'Nothing was changed.', 'for example with sudo'),
    );
  });

  test.each([
    [['status'], '/usr       base'],
    [['list'], 'base'],
    [['history'], 'install  base'],
    [['check', '/srv/base.raw'], 'base fits'],
    [['inspect', '/srv/base.raw', '--files'], '/usr/share/base/version'],
    [['install', '/srv/good.raw', '--dry-run'], 'would: put good'],
    [['build', '/srv/big.yml', '--target=local', '--output=/tmp/nobody/out'], '/tmp/nobody/out/big-v1.0-1'],
  ])('may run %j', async (args, said) => {
    const { exitCode, stdout, stderr } = await asNobody(...args);

    expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(said) });
  });

  test('has changed nothing by all that', async () => {
    expect(await hostState(machine)).toEqual(before);
    expect(await deeds(machine)).toEqual(['install done']);
  });
});

describe('a file system that is read-only', () => {
  beforeAll(async () => {
    await machine.shell('mount --bind /var /var; mount -o remount,bind,ro /var');
  });

  afterAll(async () => {
    await machine.shell('umount /var');
  });

  test('is named, and nothing is changed', async () => {
    expect(await unchanged(machine, ['install', '/srv/good.raw'])).toEqual(
      failure(1, 'cannot write the history /var/lib/sysext-agent/history.db', 'Nothing was changed.', 'writable'),
    );
    expect(await unchanged(machine, ['remove', 'base'])).toEqual(
      failure(1, 'cannot write the history /var/lib/sysext-agent/history.db', 'Nothing was changed.', 'writable'),
    );
    expect(await unchanged(machine, ['install', '/srv/big.yml', '--target=local'])).toEqual(
      failure(1, cache, 'the file system is read-only', 'Nothing was changed.', 'writable'),
    );
  });

  test('does not keep anyone from reading', async () => {
    for (const args of [['status'], ['list'], ['history'], ['inspect', '/srv/base.raw']])
      expect(await machine.agent(args)).toMatchObject({ exitCode: 0, stderr: '' });
  });
});

describe('a full disk', () => {
  const install = ['install', '/srv/big.yml', '--target=local'];

  /** Gives a directory a file system of its own, with the files it has. */
  async function giveOwnDisk(path: string): Promise<void> {
    await machine.shell(`mkdir -p ${path}; cp -a ${path} /run/copy
      mount -t tmpfs -o size=64m tmpfs ${path}; cp -a /run/copy/. ${path}; rm -r /run/copy`);
  }

  /** Makes it as small as it can be with this much still free, in bytes. */
  async function leaveFree(path: string, free: number): Promise<void> {
    const used = Number(await machine.shell(`df --output=used --block-size=1 ${path} | tail -n 1`));
    await machine.shell(`mount -o remount,size=${used + free} ${path}`);
  }

  test('of the cache stops a download', async () => {
    await giveOwnDisk(cache);
    await leaveFree(cache, 200 * KiB);

    expect(await unchanged(machine, install)).toEqual(
      failure(1, `cannot write ${cache}/packages/`, 'no space left on the device', 'Nothing was changed.', 'Free some'),
    );
    await machine.shell(`umount ${cache}`);
  });

  test('of the cache stops the making of an image, which works when there is space', async () => {
    await giveOwnDisk(cache);
    expect(await machine.agent(['build', '/srv/big.yml', '--target=local', '--output=/srv'])).toMatchObject({
      exitCode: 0,
    });
    await machine.shell(`rm -r ${cache}/built`);
    await leaveFree(cache, 400 * KiB);

    expect(await unchanged(machine, install)).toEqual(
      failure(1, 'cannot make the image: no space left', 'Nothing was changed.', 'Free some space'),
    );
    await machine.shell(`test -z "$(find ${cache}/work ${cache}/built -mindepth 1)"`);
    await leaveFree(cache, 4000 * KiB);
    expect(await machine.agent(['install', '--dry-run', ...install.slice(1)])).toMatchObject({ exitCode: 0 });
    await machine.shell(`umount ${cache}`);
  });

  describe('of the store', () => {
    const large = ['install', '/srv/large.raw'];

    // What is merged from it keeps it busy: it stays until the end of the machine.
    beforeAll(async () => {
      await giveOwnDisk('/var/lib');
      expect(await machine.agent(['refresh'])).toMatchObject({ exitCode: 0 });
    });

    test('stops the copy of an image', async () => {
      await leaveFree('/var/lib', 100 * KiB);

      expect(await unchanged(machine, large)).toEqual(
        failure(1, '/var/lib/sysext-agent/images', 'no space left on the device', 'Nothing was changed.', 'Free some'),
      );
    });

    test('takes an image back that cannot be recorded', async () => {
      const size = Number(await machine.shell('stat --format=%s /srv/large.raw'));
      await leaveFree('/var/lib', size + 4 * KiB);
      const { merged, ...before } = await hostState(machine);

      const result = await machine.agent(large);

      expect(result).toEqual(
        failure(1, 'no space left for the history', 'Everything is as it was before.', 'Free some space'),
      );
      expect({ result, ...(await hostState(machine)), merged }).toEqual({ result, ...before, merged });
      expect(await machine.agent(['status'])).toMatchObject({
        exitCode: 0,
        stdout: expect.stringMatching(/^\/usr +base/m),
      });
    });

    test('lets the same install work when there is space', async () => {
      await leaveFree('/var/lib', 4000 * KiB);

      expect(await machine.agent(large)).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('base, large') });
      expect(await machine.agent(['remove', 'large'])).toMatchObject({ exitCode: 0 });
    });
  });
});
