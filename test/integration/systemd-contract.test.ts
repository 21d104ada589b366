import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { sysext } from '../../src/core/extension-class.ts';
import { systemdVersion } from '../../src/core/systemd-version.ts';
import { parseList, parseStatus } from '../../src/systemd/sysext-output.ts';
import { bootMachine, type Machine } from '../lab/machine.ts';
import { systemdVersions } from '../lab/rootfs.ts';
import { makeExtension, observe } from './support/observation.ts';

/** What systemd-sysext finds and shows, and what our code sees in its place without running it. */

/** All that can lie in a search directory, laid out by a shell below the root `$r`. */
const entries = String.raw`
mkdir -p $r/etc/extensions $r/srv/in-run $r/run $r/var/lib/extensions $r/usr/lib/extensions $r/usr/local/lib/extensions
ln -s ../srv/in-run $r/run/extensions
cd $r/var/lib/extensions
touch raw.raw sysext.sysext.raw confext.confext.raw twice.sysext.sysext.raw double.raw.raw 'a space.raw' ünï.raw
touch .hidden.raw '.#staged.raw' .raw wrong.img UPPER.RAW no-suffix .sysupdate.partial.raw
touch $'line\nbreak.raw' $'not-utf8\xff.raw' $'control-of-unicode\u0085.raw' "$(printf 'long%.0s' $(seq 62)).raw"
mkdir directory directory.sysext directory.confext directory.raw .hidden-directory '.#staged-directory'
mkdir layers.mstack layers-of-class.sysext.mstack
mkfifo fifo.raw
touch $r/srv/target.raw; mkdir $r/srv/target
ln -s ../../../srv/target.raw link-to-raw.raw; ln -s /srv/target.raw absolute-link-to-raw.raw
ln -s ../../../srv/target link-to-directory; ln -s ../../../srv/target link-to-directory.raw
ln -s ../../../srv/target.raw link-without-suffix
ln -s nowhere dangling.raw; ln -s /dev/null null.raw; ln -s /dev/loop200 block-device
mkdir $r/etc/extensions/masked; touch masked.raw
ln -s /dev/null $r/etc/extensions/not-masked.raw; touch not-masked.raw
touch $r/etc/extensions/everywhere.raw $r/run/extensions/everywhere.raw everywhere.raw $r/usr/lib/extensions/everywhere.raw
touch $r/run/extensions/in-run.raw $r/usr/lib/extensions/in-usr.raw $r/usr/local/lib/extensions/in-usr-local.raw
mkdir -p versions.v/versions_1 versions.v/versions_2
mkdir raws.raw.v; touch raws.raw.v/raws_1.raw raws.raw.v/raws_2.raw
mkdir of-class.sysext.raw.v; touch of-class.sysext.raw.v/of-class_1.sysext.raw
mkdir no-version.raw.v without-suffix.sysext.v without-suffix.sysext.v/without-suffix_1 not-a-file.raw.v not-a-file.raw.v/not-a-file_1.raw
mkdir tries.raw.v; touch tries.raw.v/tries_2+0-3.raw tries.raw.v/tries_1+1.raw
mkdir architecture.raw.v; touch architecture.raw.v/architecture_2_arm64.raw architecture.raw.v/architecture_1_x86-64.raw
mkdir signs.raw.v; touch signs.raw.v/signs_1~2.raw signs.raw.v/signs_1,2.raw signs.raw.v/signs_1.raw
mkdir linked.raw.v; mkdir .#elsewhere.v; touch .#elsewhere.v/linked_1.raw; ln -s ../.#elsewhere.v/linked_1.raw linked.raw.v
mkdir $r/etc/extensions/below.raw.v; touch below.raw
`;

const everywhere = sysext.searchDirectories(systemdVersion(252));

describe.each(systemdVersions)('systemd %d', (version) => {
  let machine: Machine;

  beforeAll(async () => {
    machine = await bootMachine({ systemd: version });
  });

  afterAll(async () => {
    await machine.stop();
  });

  test.each(['/', '/srv/other-root'])('finds in the search directories below %s what we find', async (root) => {
    await machine.shell(
      `mkdir -p ${root}/etc; cp -n /etc/os-release ${root}/etc; r=${root.replace(/^\/$/, '')}; ${entries}`,
    );

    const theirs = parseList(
      await machine.shell(`systemd-sysext list --json=short ${root === '/' ? '' : `--root=${root}`}`),
    );
    const [ours] = await observe(machine, root);

    const seen = ours?.images.map(({ image }) => [image.name, image.kind, versionIn(image.path)].join(' '));
    expect(seen?.toSorted()).toEqual(
      theirs.map(({ name, type, path }) => [name, type, versionIn(path)].join(' ')).sort(),
    );
    expect(theirs.length).toBeGreaterThan(20);
    await machine.shell(
      `rm -rf ${everywhere.map((path) => join(root, path)).join(' ')} ${join(root, 'srv/{target,target.raw,in-run}')}`,
    );
  });

  /** What is merged, one step after the other. */
  const steps: readonly (readonly [title: string, script: string])[] = [
    ['nothing', `mkdir -p /var/lib/extensions`],
    ['one extension', `${makeExtension('/var/lib/extensions/b')}; systemd-sysext merge`],
    ['several extensions', `${makeExtension('/var/lib/extensions/a')}; systemd-sysext refresh`],
    ['/usr and /opt', `${makeExtension('/var/lib/extensions/o', 'ID=_any', 'opt')}; systemd-sysext refresh`],
    ['a copy of the metadata in /srv alone', 'cp -a /usr/.systemd-sysext /srv/metadata'],
    ['nothing again', 'systemd-sysext unmerge'],
    ['a copy of the metadata of what was merged', 'cp -a /srv/metadata /usr/.systemd-sysext'],
    [
      'metadata with the device of the host itself',
      `mountpoint -q /usr && exit 1; stat -c %d /usr | { read d; echo $((d >> 8)):$((d & 255)) >/usr/.systemd-sysext/dev; }`,
    ],
    ['nothing, and no /opt', 'rm -rf /usr/.systemd-sysext; rmdir /opt'],
  ];

  test('shows as merged what we see merged', async () => {
    const [shown, seen]: [unknown[], unknown[]] = [[], []];
    for (const [title, script] of steps) {
      await machine.shell(`{ ${script}; } 2>&1`);
      const theirs = parseStatus(await machine.shell('systemd-sysext status --json=short'));
      const [ours] = await observe(machine, '/');
      shown.push([title, JSON.parse(JSON.stringify(theirs))]);
      seen.push([title, ours?.hierarchies]);
    }

    expect(seen).toEqual(shown);
    expect(JSON.stringify(shown)).toContain('"extensions":["a","b","o"]');
  });
});

/** Which version of a `.v` directory an image is; from 260 on the tool shows where links lead. */
function versionIn(path: string): string {
  return /\.v\/(.+)$/.exec(path)?.[1] ?? '';
}
