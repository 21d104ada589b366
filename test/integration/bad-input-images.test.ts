import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Machine } from '../lab/machine.ts';
import { deeds, failure, hostState, machineWithBase, unchanged, type HostState } from './support/host-state.ts';
import { erofsImage, extensionImage, putBytes, releaseOf } from './support/images.ts';

const good = extensionImage('good');

/** The image with bytes that are wrong from a place on; 1024 is where the superblock of erofs begins. */
function damaged(image: Buffer, from: number, length: number): Buffer {
  return Buffer.from(image).fill(0xff, from, from + length);
}

let machine: Machine;
let before: HostState;

beforeAll(async () => {
  machine = await machineWithBase();
  await putBytes(machine, '/srv/good.raw', good);
  before = await hostState(machine);
});

afterAll(async () => {
  await machine.stop();
});

describe('an image', () => {
  test.each<[what: string, image: Buffer, exitCode: number, said: string, next: string[]]>([
    ['that is damaged at its beginning', damaged(good, 1024, 64), 7, 'is no image that systemd-sysext could merge', []],
    ['whose superblock is damaged', damaged(good, 1100, 4), 7, 'is damaged: the checksum of its superblock', []],
    ['that is truncated', good.subarray(0, 2048), 7, 'is truncated: its superblock promises 4096 bytes', []],
    ['that is empty', Buffer.alloc(0), 7, 'is empty', []],
    ['that is a text', Buffer.from('Not found\n'.repeat(500)), 7, 'neither erofs, squashfs, ext4, btrfs nor a GPT', []],
    [
      'with an os-release file',
      erofsImage({ ...releaseOf('bad'), 'usr/lib/os-release': 'ID=debian\n', 'usr/bin/x': '' }),
      7,
      'os-release: /usr/lib/os-release: an image with this file is an operating system, no extension\n    Build it without that file.',
      [],
    ],
    ['with nothing for /usr or /opt', erofsImage({ 'etc/passwd': '' }), 7, 'it has nothing in /usr or /opt', []],
    [
      'of another extension',
      extensionImage('other'),
      5,
      'bad does not fit this host: it carries no extension-release file that counts for its name',
      ['The image carries extension-release.other: --name=NAME'],
    ],
    [
      'without a release file',
      erofsImage({ 'usr/bin/x': '' }),
      5,
      'it carries no extension-release file',
      ['Ask who made the image to add /usr/lib/extension-release.d/extension-release.'],
    ],
    [
      'for another system',
      erofsImage({ ...releaseOf('bad', 'ID=fedora\nVERSION_ID=44\n'), 'usr/bin/x': '' }),
      5,
      'bad does not fit this host: it is for ID=fedora, this host is ID=debian',
      ['Build or choose an image for this system'],
    ],
  ])('%s is refused', async (_, image, exitCode, said, next) => {
    await putBytes(machine, '/srv/bad.raw', image);

    expect(await machine.agent(['install', '/srv/bad.raw'])).toEqual(
      failure(exitCode, 'sysext-agent: ', said, 'Nothing was changed.', ...next),
    );
  });

  test('that is bad lets the good one beside it be refused too', async () => {
    await putBytes(machine, '/srv/bad.raw', Buffer.from('no image'));

    expect(await machine.agent(['install', '/srv/good.raw', '/srv/bad.raw'])).toEqual(
      failure(7, '/srv/bad.raw is no image', 'Nothing was changed.'),
    );
  });

  test('that is missing is named', async () => {
    expect(await machine.agent(['install', '/srv/missing.raw'])).toEqual(
      failure(1, 'there is no /srv/missing.raw', 'Nothing was changed.'),
    );
  });

  test('that cannot give an extension its name says what would', async () => {
    await machine.shell("cp /srv/good.raw '/srv/-x y.raw'");

    expect(await machine.agent(['install', '/srv/-x y.raw'])).toEqual(
      failure(2, '"-x y" cannot be the name of an extension: letters, digits', 'Give it a name with --name=NAME.'),
    );
    expect(await machine.agent(['install', '/srv/good.raw', '--name=../good'])).toEqual(
      failure(2, '"../good" cannot be the name of an extension'),
    );
  });
});

test('none of that has changed the host', async () => {
  expect(await hostState(machine)).toEqual(before);
  expect(await deeds(machine)).toEqual(['install done']);
});

describe('an image that someone else put there', () => {
  test.each(['/var/lib/extensions/good.raw', '/run/extensions/good.raw', '/etc/extensions/good.raw'])(
    '%s keeps its place, and no other image gets its name',
    async (path) => {
      await putBytes(machine, path, extensionImage('good', 'foreign'));

      for (const dryRun of [[], ['--dry-run']]) {
        expect(await unchanged(machine, ['install', '/srv/good.raw', ...dryRun])).toEqual(
          failure(
            1,
            `${path} is in the way of the extension good, and this agent did not put it there`,
            'Nothing was changed.',
            `Move ${path} away`,
          ),
        );
      }
      await machine.shell(`rm ${path}`);
    },
  );

  test.each(['/var/lib/extensions/broken.raw', '/run/extensions/broken.raw'])(
    '%s and would stop every merge is kept from systemd, and left as it is',
    async (path) => {
      await putBytes(machine, path, Buffer.from('no image'));

      expect(await machine.agent(['install', '/srv/good.raw'])).toMatchObject({ exitCode: 0 });
      expect(await machine.shell('cat /usr/share/base/version /usr/share/good/version')).toBe('1\n1\n');
      expect(await machine.agent(['status'])).toMatchObject({
        exitCode: 3,
        stdout: expect.stringContaining(`broken is not merged: ${path} is no image`),
      });
      expect(await machine.shell(`cat ${path}; rm ${path}`)).toBe('no image');
      expect(await machine.agent(['remove', 'good'])).toMatchObject({ exitCode: 0 });
      expect(await machine.shell('find /etc/extensions /run/extensions -mindepth 1')).toBe('');
      expect(await machine.agent(['status'])).toMatchObject({ exitCode: 0 });
    },
  );

  test('where nothing can be found before it, is named, and nothing is changed', async () => {
    const path = '/etc/extensions/broken.raw';
    await putBytes(machine, path, Buffer.from('no image'));
    const refusal = failure(
      1,
      `systemd-sysext refresh would fail over ${path}: one such image stops the merge of all others`,
      `${path} is no image that systemd-sysext could merge`,
      'Nothing was changed.',
      `mv ${path} /var/tmp/`,
    );

    for (const args of [['install', '/srv/good.raw'], ['remove', 'base'], ['refresh']])
      expect(await unchanged(machine, args)).toEqual(refusal);
    await machine.shell(`rm ${path}`);
  });

  test('in the place of ours is not removed with it', async () => {
    await machine.shell('mv /var/lib/extensions/base.raw /srv/ours.raw');
    await putBytes(machine, '/var/lib/extensions/base.raw', extensionImage('base', 'foreign'));

    expect(await unchanged(machine, ['remove', 'base'])).toEqual(
      failure(1, '/var/lib/extensions/base.raw is in the way of the extension base', 'then remove base again.'),
    );

    await machine.shell('mv /srv/ours.raw /var/lib/extensions/base.raw');
    expect(await machine.agent(['status'])).toMatchObject({ exitCode: 0 });
  });
});
