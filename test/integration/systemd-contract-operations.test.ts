import { afterAll, beforeAll, expect, test } from 'vitest';

import type { CommandResult } from '../lab/command.ts';
import { bootMachine, type Machine } from '../lab/machine.ts';
import type { SystemdVersion } from '../lab/rootfs.ts';
import { describeAtVersions } from '../lab/versions.ts';
import { makeExtension } from './support/observation.ts';

/** How merge, refresh and unmerge end, beside systemd-sysext itself; other roots; and the unit that merges at boot. */

const program = '/srv/sysext-agent/bin/sysext-agent';
const fitting = makeExtension('/var/lib/extensions/good');
const misfit = makeExtension('/var/lib/extensions/misfit', 'ID=fedora');

/** An extension on so many overlays that another one on top of them fails: after the tool has unmerged everything. */
const unmountable = `
mkdir -p /run/layers/{a,b,c,d,e}
${makeExtension('/run/layers/a/deep')}
mount -t overlay -o lowerdir=/run/layers/a:/run/layers/b layers /run/layers/c
mount -t overlay -o lowerdir=/run/layers/c:/run/layers/d layers /run/layers/e
ln -s /run/layers/e/deep /var/lib/extensions/deep
`;

const takeApart = `
systemd-sysext unmerge
rm -rf {/etc,/run,/var/lib}/extensions; umount /run/layers/e /run/layers/c || true
rm -rf /var/lib/sysext-agent /run/layers /srv/images /etc/sysext-agent; mkdir -p /var/lib/extensions
`;

describeAtVersions('systemd %d', contract, [252, 257, 262]);

/** 254 ends as 252 does: what came with 255, 256 and 260 makes the difference. */
function contract(version: SystemdVersion): void {
  let machine: Machine;

  beforeAll(async () => {
    machine = await bootMachine({ systemd: version });
  });

  afterAll(async () => {
    await machine.stop();
  });

  /** Begins with nothing merged and nothing there, then runs a program; it ends with 99 where the beginning fails. */
  const from = (setUp: string, ...argv: readonly string[]) =>
    machine.run([
      ...['bash', '-euc', `trap 'exit 99' EXIT; { ${takeApart}\n${setUp}\n} >/dev/null 2>&1; exec "$@"`, 'from'],
      ...argv,
    ]);

  /** Runs the operation by the tool and then, from the same beginning, by the agent. */
  async function both(
    setUp: string,
    ...args: readonly string[]
  ): Promise<{ tool: CommandResult; agent: CommandResult }> {
    return { tool: await from(setUp, 'systemd-sysext', ...args), agent: await from(setUp, program, ...args) };
  }

  const merged = async () =>
    (await machine.run(['cat', '/usr/.systemd-sysext/extensions'])).stdout.split('\n').join(' ').trim();

  test.each([
    ['merge', 'with no extension', ':', 'No extensions found.'],
    ['refresh', 'with no extension', ':', 'No extensions found.'],
    ['merge', 'with none that fits', misfit, 'No suitable extensions found (1 ignored due to incompatible '],
    ['refresh', 'with none that fits', misfit, 'No suitable extensions found (1 ignored due to incompatible '],
    [
      'refresh',
      'with none left',
      `${fitting}; systemd-sysext merge; rm -r /var/lib/extensions/good`,
      "Unmerged '/usr'.",
    ],
    ['merge', 'with one that fits', fitting, "Merged extensions into '/usr'."],
    ['unmerge', 'with something merged', `${fitting}; systemd-sysext merge`, "Unmerged '/usr'."],
  ])('%s %s succeeds and says what the tool says', async (verb, _title, setUp, text) => {
    const { tool, agent } = await both(setUp, verb);

    expect(tool).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(text) });
    expect(agent).toMatchObject({ exitCode: 0, stderr: tool.stderr });
  });

  test('unmerge with nothing merged succeeds and says nothing', async () => {
    const { tool, agent } = await both(':', 'unmerge');

    expect(tool).toEqual({ exitCode: 0, stdout: '', stderr: '' });
    expect(agent).toEqual({ exitCode: 0, stdout: 'Nothing is merged.\n', stderr: '' });
  });

  test('merge with something merged fails and leaves it', async () => {
    const { tool, agent } = await both(`${fitting}; systemd-sysext merge`, 'merge');

    expect(tool.exitCode).toBe(1);
    expect(agent).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("Hierarchy '/usr' is already merged."),
    });
    expect(await merged()).toBe('good');
  });

  test.each(['merge', 'refresh'])('%s --force merges what does not fit', async (verb) => {
    const { tool, agent } = await both(misfit, verb, '--force');

    expect({ tool: tool.exitCode, agent: agent.exitCode }).toEqual({ tool: 0, agent: 0 });
    expect(await merged()).toBe('misfit');
  });

  test('refresh over a file that is no image fails, and where the agent does it merges the others', async () => {
    const { tool, agent } = await both(
      `${fitting}; systemd-sysext merge; echo no image >/var/lib/extensions/bad.raw; ${misfit}`,
      'refresh',
    );

    expect(tool).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('Failed to read metadata for image bad'),
    });
    expect(agent.exitCode).toBe(0);
    expect(await merged()).toBe('good');
  });

  test('refresh over a damaged image leaves it out, where the tool merges it', async () => {
    const damaged = `${makeExtension('/tmp/bad')}; head -c 2M /dev/urandom >/tmp/bad/usr/big
      mkfs.erofs /tmp/bad.raw /tmp/bad; head -c 1M /tmp/bad.raw >/var/lib/extensions/bad.raw; rm -r /tmp/bad*`;
    const { tool, agent } = await both(`${fitting}; systemd-sysext merge; ${damaged}`, 'refresh');

    expect(tool.exitCode).toBe(0);
    expect(agent.exitCode).toBe(0);
    expect(await merged()).toBe('good');
  });

  test('refresh over a link that leads to itself fails as the tool does', async () => {
    const { tool, agent } = await both(`${fitting}; ln -s self.raw /var/lib/extensions/self.raw`, 'refresh');

    expect(tool.exitCode).toBe(1);
    expect(agent).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('/var/lib/extensions/self.raw') });
  });

  test('where an overlay cannot be mounted the tool leaves nothing merged, and we what was', async () => {
    const { tool, agent } = await both(`${fitting}; systemd-sysext merge; ${unmountable}`, 'refresh');

    expect(tool.exitCode).toBe(version < 256 ? 0 : 1);
    expect(agent).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Merged now: good.') });
    expect(await merged()).toBe('good');
  });

  test('a failure of the tool after it has unmerged everything is one to us at every version', async () => {
    const alone = `mkdir -p /etc/sysext-agent; echo 'merge: {driver: refresh}' >/etc/sysext-agent/agent.yml`;
    const agent = await from(`${alone}; ${fitting}; systemd-sysext merge; ${unmountable}`, program, 'refresh');

    expect(agent).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/systemd-sysext refresh [^]*Nothing is merged now\./),
    });
    expect(await merged()).toBe('');
  });

  test('--no-reload is there from 255 on', async () => {
    const { tool, agent } = await both(fitting, 'merge', '--no-reload');

    expect(tool.exitCode).toBe(version < 255 ? 1 : 0);
    expect(agent.exitCode).toBe(version < 255 ? 2 : 0);
    expect(await merged()).toBe(version < 255 ? '' : 'good');
  });

  test('--always-refresh merges anew at every version', async () => {
    const later = `${fitting}; systemd-sysext merge; touch /var/lib/extensions/good/usr/later`;

    expect((await from(later, program, 'refresh', '--always-refresh')).exitCode).toBe(0);
    expect((await machine.run(['test', '-e', '/usr/later'])).exitCode).toBe(0);
  });

  // What does not hang on the version of systemd: at the oldest and at the newest.
  if (version !== 252 && version !== 262) return;

  const image = `${makeExtension('/srv/images/tool')}
    mkfs.erofs /srv/images/tool.raw /srv/images/tool; rm -r /srv/images/tool`;

  test('install, list, status and remove work on another root', async () => {
    const root = '/srv/other';
    const other = `mkdir -p ${root}/{etc,opt,run,usr,var/lib}; cp /etc/os-release ${root}/etc`;
    const on = (command: string, ...args: readonly string[]) => machine.agent([command, `--root=${root}`, ...args]);

    expect(
      await from(`${image}; ${other}`, program, 'install', `--root=${root}`, '/srv/images/tool.raw'),
    ).toMatchObject({
      exitCode: 0,
    });
    expect(await machine.shell(`ls ${root}/usr/of-tool; ls -A /var/lib/extensions`)).toBe(`${root}/usr/of-tool\n`);
    expect((await on('list')).stdout).toMatch(/^tool .* agent +person +yes$/m);
    expect(await on('status')).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^\/usr +tool /m) });
    expect(await on('remove', 'tool')).toMatchObject({ exitCode: 0 });
    expect((await machine.run(['test', '-e', `${root}/usr/of-tool`])).exitCode).toBe(1);
    expect((await on('status')).exitCode).toBe(0);
    expect((await machine.run(['findmnt', '--submounts', `${root}/usr`])).stdout).toBe('');
  });

  test('install enables the unit that merges at boot where it is disabled, and not where it is masked', async () => {
    const unit = 'systemd-sysext.service';
    const state = async () => (await machine.run(['systemctl', 'is-enabled', unit])).stdout.trim();

    const enabling = await from(`${image}; systemctl disable ${unit}`, program, 'install', '/srv/images/tool.raw');
    expect(enabling).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`enabled ${unit}`) });
    expect(await state()).toBe('enabled');

    await machine.shell(`systemctl mask ${unit} 2>/dev/null; systemd-sysext unmerge 2>/dev/null`);
    await machine.agent(['remove', 'tool']);
    const warning = await machine.agent(['install', '/srv/images/tool.raw']);
    expect(warning).toMatchObject({ exitCode: 0, stderr: expect.stringContaining(`${unit} is masked`) });
    expect(await state()).toBe('masked');
    await machine.shell(`systemctl unmask ${unit} 2>/dev/null`);
  });
}
