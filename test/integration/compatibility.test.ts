import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { compatibility, type HostRelease } from '../../src/core/compatibility.ts';
import { findReleaseFile } from '../../src/core/release-file.ts';
import { parseSystemdVersion, type SystemdVersion } from '../../src/core/systemd-version.ts';
import { bootMachine, type Machine } from '../lab/machine.ts';
import { systemdVersions } from '../lab/rootfs.ts';
import { pairs, type Pair } from './compatibility-pairs.ts';

/**
 * The real tool below a root of its own for every pair: whether the file of the extension is there after a merge. What is
 * mounted goes with the mount namespace.
 */
const script = `
unshare --mount --propagation=slave bash -eu <<'END'
mount --make-rshared /
cd /var/tmp/pairs
no_reload=$(systemd-sysext --help | grep --only-matching --max-count=1 -e --no-reload || true)
for pair in *; do
  systemd-sysext --root="$PWD/$pair" $no_reload merge >/dev/null 2>&1 || true
  if [ -e "$pair/usr/of-the-extension" ]; then echo "$pair merged"; else echo "$pair ignored"; fi
done
END
`;

function text(fields: Readonly<Record<string, string>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}="${value}"\n`)
    .join('');
}

/** A shell script that lays out the root of a pair. */
function layout(pair: Pair, index: number): string {
  const { INITRD, ...host } = pair.host;
  const root = `/var/tmp/pairs/${String(index).padStart(3, '0')}`;
  const extension = `${root}/var/lib/extensions/${pair.name}`;
  const directory = `${extension}/usr/lib/extension-release.d`;
  return [
    `mkdir -p ${root}/etc ${root}/usr ${root}/opt ${root}/run ${directory}`,
    `printf '%s' '${text(host)}' > ${root}/etc/os-release`,
    ...(INITRD === undefined ? [] : [`touch ${root}/etc/initrd-release`]),
    `touch ${extension}/usr/of-the-extension`,
    ...pair.releaseFiles.flatMap((file) => [
      `printf '%s' '${text(file.fields)}' > '${directory}/${file.name}'`,
      ...(file.strict === undefined
        ? []
        : [`setfattr -n user.extension-release.strict -v '${file.strict}' '${directory}/${file.name}'`]),
    ]),
  ].join('\n');
}

/** What we say of a pair. */
function ourVerdict(pair: Pair, systemd: SystemdVersion): string {
  const { INITRD, ...fields } = pair.host;
  const scope = INITRD !== undefined && systemd.major >= 259 ? 'initrd' : 'system';
  const host: HostRelease = { fields, scope, architecture: 'x86-64', systemd };
  const name = findReleaseFile(pair.releaseFiles, pair.name, systemd);
  const release = pair.releaseFiles.find((file) => file.name === name)?.fields;
  return compatibility(release, host).fits ? 'merged' : 'ignored';
}

describe.each(systemdVersions)('systemd %d', (version) => {
  let machine: Machine;

  beforeAll(async () => {
    machine = await bootMachine({ systemd: version });
  });

  afterAll(async () => {
    await machine.stop();
  });

  test(`gives the verdict that we foretell for all ${pairs.length} pairs`, async () => {
    const systemd = parseSystemdVersion(await machine.shell('systemd-sysext --version'))!;
    await machine.shell(pairs.map(layout).join('\n'));

    const verdicts = (await machine.shell(script)).trimEnd().split('\n');

    const told = pairs.map((pair, index) => `${pair.title}: ${verdicts[index]?.slice(4) ?? 'nothing'}`);
    expect(told).toEqual(pairs.map((pair) => `${pair.title}: ${ourVerdict(pair, systemd)}`));
    expect(new Set(told.map((line) => line.split(': ')[1]))).toEqual(new Set(['merged', 'ignored']));
  });
});
