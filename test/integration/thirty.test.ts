import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import type { SystemdVersion } from '../lab/rootfs.ts';
import { describeAtVersions } from '../lab/versions.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { erofsImage, extensionImage, releaseOf } from './support/images.ts';

/**
 * A host with thirty extensions and one bad image: what the bare tool makes of it stands in a table on standard output,
 * and with the agent the thirty stay merged, and one of them is replaced by a newer version all the while.
 */

const raw = Array.from({ length: 4 }, (_, index) => `raw${index}`);
const directories = Array.from({ length: 26 }, (_, index) => `tree${index}`);
const good = [...raw, ...directories].sort();

const big = { ...releaseOf('bad'), 'usr/share/big': 'big '.repeat(50_000) };
const withOsRelease = { ...releaseOf('bad'), 'usr/lib/os-release': 'ID=x\n' };

/** Files that are made here, by name. */
const files: Readonly<Record<string, () => Buffer>> = {
  garbage: () => Buffer.alloc(10_000, 'x'),
  whole: () => erofsImage(big),
  other: () => erofsImage(releaseOf('other')),
  system: () => erofsImage(withOsRelease),
  two: () => erofsImage({ ...releaseOf('x'), ...releaseOf('y') }),
};

const tree =
  'mkdir -p bad/usr/lib/extension-release.d; echo ID=_any >bad/usr/lib/extension-release.d/extension-release';
const anyName = 'setfattr -n user.extension-release.strict -v 0';

/** How each is put into /var/lib/extensions, the directory that the script is run in. */
const bad: readonly (readonly [title: string, script: string])[] = [
  ['empty', ': >bad.raw'],
  ['garbage', 'cp /srv/bad/garbage bad.raw'],
  ['cut in its superblock', 'head -c 1100 /srv/bad/whole >bad.raw'],
  ['cut after its first block', 'head -c 4096 /srv/bad/whole >bad.raw'],
  ['cut in the middle', 'head -c 100000 /srv/bad/whole >bad.raw'],
  ['of another name', 'cp /srv/bad/other bad.raw'],
  ['os-release inside', 'cp /srv/bad/system bad.raw'],
  ['os-release inside, directory', `${tree}.bad; echo ID=x >bad/usr/lib/os-release`],
  ['two release files', 'cp /srv/bad/two bad.raw'],
  [
    'two release files, directory',
    `${tree}.x; cd bad/usr/lib/extension-release.d; cp *.x extension-release.y; for f in *; do ${anyName} $f; done`,
  ],
  ['dangling link', 'ln -s /nowhere.raw bad.raw'],
  ['fifo', 'mkfifo bad.raw'],
  ['socket', `perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "bad.raw", Listen => 1) or die'`],
  ['device', 'mknod bad.raw c 1 3'],
  // No driver has this number; a loop device may be bound by others at any time.
  ['block device', 'mknod bad b 60 0'],
];

/** One of each kind of outcome of the bare tool, for the versions before the newest. */
const outcomes = ['garbage', 'cut after its first block', 'fifo'];

function triedAt(systemd: SystemdVersion): typeof bad {
  return systemd === 262 ? bad : bad.filter(([title]) => outcomes.includes(title));
}

/** What the tool makes of it without us: a mask of ours would help it. */
const bare = (script: string) => `
rm -rf /run/extensions/bad
cd /var/lib/extensions; (${script})
timeout 60 systemd-sysext refresh >/dev/null 2>&1 && code=0 || code=$?
echo "exit code $code, $(cat /usr/.systemd-sysext/extensions 2>/dev/null | wc -l) merged"`;

/** Whatever an operation that refuses must leave alone. */
const lookAround = `
ls -lid --full-time /var/lib/extensions/*
find /run/extensions /etc/extensions -mindepth 1 2>/dev/null || true
ls /var/lib/sysext-agent/images; grep sysext /proc/self/mountinfo`;

describeAtVersions('thirty extensions at systemd %d', (systemd) => {
  let machine: Machine;
  const rows: string[] = [];

  beforeAll(async () => {
    machine = await bootMachine({ systemd });
    await layOut(machine);
    const images = good.map((name) => `/srv/good/${raw.includes(name) ? `${name}.raw` : name}`);
    expect(await machine.agent(['install', ...images])).toMatchObject({ exitCode: 0 });
  });

  afterAll(async () => {
    process.stdout.write(`systemd ${systemd}, thirty good images and one that is:\n${rows.join('\n')}\n`);
    await machine.stop();
  });

  test.each(triedAt(systemd))('stay and can be replaced beside one that is bad: %s', async (title, script) => {
    const alone = (await machine.shell(bare(script))).trim();
    const version = String(bad.findIndex(([other]) => other === title) + 2);

    const { exitCode, stderr } = await machine.agent(['install', `/srv/newer/${version}/raw0.raw`]);
    const seen = await machine.shell(`cat /usr/.systemd-sysext/extensions /usr/share/raw0/version
      rm -rf /var/lib/extensions/bad /var/lib/extensions/bad.raw`);
    const merged = seen.split('\n');

    rows.push(
      `  ${title.padEnd(30)} bare: ${alone.padEnd(28)} agent: exit code ${exitCode}, ${merged.length - 2} merged`,
    );
    expect({ exitCode, stderr, merged: merged.slice(0, -2).sort() }).toMatchObject({ exitCode: 0, merged: good });
    expect(merged.at(-2)).toBe(version);
  });

  // None of these versions makes anything else of it.
  if (systemd === 262)
    test('stay beside a link to itself, which no mask keeps from systemd: it is named', async () => {
      rows.push(
        `  ${'link to itself'.padEnd(30)} bare: ${(await machine.shell(bare('ln -s bad.raw bad.raw'))).trim()}`,
      );
      const before = await machine.shell(lookAround);
      const way = 'rm /var/lib/extensions/bad.raw';

      const refresh = await machine.agent(['refresh']);
      const install = await machine.agent(['install', '/srv/newer/2/raw0.raw']);
      const status = await machine.agent(['status']);
      const list = await machine.agent(['list']);
      const explain = await machine.agent(['explain', 'bad.raw']);

      for (const { exitCode, stderr } of [refresh, install])
        expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining(way) });
      expect(await machine.shell(lookAround)).toBe(before);
      expect(status).toMatchObject({ exitCode: 3, stdout: expect.stringContaining(way) });
      expect(list).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('bad.raw') });
      expect(explain).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('lead in a circle') });
      expect((await machine.shell('sort /usr/.systemd-sysext/extensions')).trim().split('\n')).toEqual(good);
      await machine.shell(way);
      expect(await machine.agent(['refresh'])).toMatchObject({ exitCode: 0 });
    });
});

async function layOut(machine: Machine): Promise<void> {
  using work = temporaryDirectory();
  const put = (path: string, content: string | Buffer) => {
    mkdirSync(dirname(work.at(path)), { recursive: true });
    writeFileSync(work.at(path), content);
  };
  for (const name of raw) put(`good/${name}.raw`, extensionImage(name));
  for (const name of directories)
    for (const [path, text] of Object.entries({ ...releaseOf(name), [`usr/share/${name}/version`]: '1\n' }))
      put(join('good', name, path), text);
  for (const [name, bytes] of Object.entries(files)) put(`bad/${name}`, bytes());
  for (const index of bad.keys()) put(`newer/${index + 2}/raw0.raw`, extensionImage('raw0', String(index + 2)));
  for (const directory of ['good', 'bad', 'newer']) await machine.copyIn(work.at(directory), `/srv/${directory}`);
}
