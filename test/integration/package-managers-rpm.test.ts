import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Machine } from '../lab/machine.ts';
import { bootRpmMachine } from '../lab/rpm-managers.ts';
import { temporaryDirectory } from '../support/archives.ts';
import { extensionImage, putBytes } from './support/images.ts';
import { rpmPackage } from './support/packages.ts';

const hooks = '/srv/sysext-agent/packaging/hooks';

/** What a package finds while it is installed. */
const look = `local seen = io.open("/root/seen", "w")
seen:write(posix.stat("/usr/share/a/version") and "merged\\n" or "unmerged\\n")
seen:write(io.open("/usr/share/written", "w") and "writable\\n" or "read-only\\n")
seen:close()`;

const repository = '[local]\nname=local\nbaseurl=file:///srv/repository\nenabled=1\ngpgcheck=0\n';

const names = ['dnf', 'dnf5', 'zypper'] as const;

/** Where the files of `packaging/hooks` go. */
const places = {
  'dnf/sysext_agent.py': '/usr/lib/python3/dist-packages/dnf-plugins/sysext_agent.py',
  'dnf5/sysext-agent.actions': '/etc/dnf/libdnf5-plugins/actions.d/sysext-agent.actions',
  'dnf5/dnf5-hook': '/usr/lib/sysext-agent/dnf5-hook',
  'zypper/sysext-agent': '/usr/lib/zypp/plugins/commit/sysext-agent',
};

/** For each package manager a package that can be installed, and for all of them one that cannot. */
async function putRepository(machine: Machine): Promise<void> {
  using work = temporaryDirectory();
  mkdirSync(work.at('repository'));
  for (const name of names) writeFileSync(work.at(`repository/good-${name}.rpm`), rpmPackage(`good-${name}`, look));
  writeFileSync(work.at('repository/bad.rpm'), rpmPackage('bad', `${look} error("no")`));
  execFileSync('createrepo_c', ['--quiet', work.at('repository')], { stdio: 'pipe' });
  await machine.copyIn(work.at('repository'), '/srv/repository');
}

describe('package managers of rpm', () => {
  let machine: Machine;

  beforeAll(async () => {
    machine = await bootRpmMachine();
    await machine.write('/etc/yum.repos.d/local.repo', repository);
    await machine.write('/etc/zypp/repos.d/local.repo', repository);
    // A system of packages of another kind: nothing provides what zypper asks of every system, and nothing is signed.
    await machine.write('/etc/zypp/systemCheck', '');
    await machine.write('/etc/rpm/macros', '%_pkgverify_level none\n');
    const hooked = Object.entries(places).map(([from, to]) => `install -D ${hooks}/${from} ${to}`);
    await machine.shell([...hooked, `sed -i s/--wait=60/--wait=0/ ${Object.values(places).join(' ')}`].join('\n'));
    // Its local repository would want createrepo_c in the machine.
    await machine.write('/etc/dnf/libdnf5-plugins/local.conf', '[main]\nname = local\nenabled = 0\n');
    await putRepository(machine);
    await putBytes(machine, '/srv/a.raw', extensionImage('a'));
    await machine.shell('ln -s /srv/sysext-agent/bin/sysext-agent /usr/bin/; sysext-agent install /srv/a.raw');
  });

  afterAll(async () => {
    await machine.stop();
  });

  const merged = () => machine.shell('cat /usr/share/a/version');
  const yes = {
    dnf: ['-y', 'install'],
    dnf5: ['-y', 'install'],
    zypper: ['--non-interactive', 'install'],
  } as const;

  test.each(names)('%s installs nothing where extensions cannot be taken away', async (name) => {
    const { exitCode } = await machine.run(['flock', '/run/sysext-agent/lock', name, ...yes[name], `good-${name}`]);

    expect(exitCode).not.toBe(0);
    expect(await machine.shell('ls /usr/share; ls /root')).not.toMatch(/^(good|seen)/m);
    expect(await merged()).toBe('1\n');
  });

  test.each(names)(
    '%s installs a package while extensions are merged, and they are merged afterwards, also after one that fails',
    async (name) => {
      expect(await machine.run([name, ...yes[name], `good-${name}`])).toMatchObject({ exitCode: 0 });
      expect(await machine.read('/root/seen')).toBe('unmerged\nwritable\n');
      expect(await merged()).toBe('1\n');
      expect((await machine.agent(['history'])).stdout).toMatch(/^\d+ .* refresh +a +done/m);

      await machine.shell('rm /root/seen');
      expect((await machine.run([name, ...yes[name], 'bad'])).exitCode).not.toBe(0);
      expect(await machine.read('/root/seen')).toBe('unmerged\nwritable\n');
      expect(await merged()).toBe('1\n');
      await machine.shell('rm /root/seen');
    },
  );
});
