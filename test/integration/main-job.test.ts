import { afterAll, beforeAll, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { describeAtVersions } from '../lab/versions.ts';

const spec = '/srv/sysext-agent/examples/jq.yml';

describeAtVersions('the main job at systemd %d', (version) => {
  let machine: Machine;

  beforeAll(async () => {
    machine = await bootMachine({ systemd: version, sharedCache: true });
  });

  afterAll(async () => {
    await machine.stop();
  });

  async function statusOfTheTool(): Promise<string> {
    return machine.shell('systemd-sysext status');
  }

  test('install builds jq for this system and merges it', async () => {
    const { exitCode, stdout, stderr } = await machine.agent(['install', spec]);

    expect({ exitCode, stdout, stderr }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Merged: jq') });
    expect(stderr).toMatch(/target: (bookworm|trixie|forky) \(Debian/);
    expect(await machine.shell(`echo '{"a":1}' | jq .a`)).toBe('1\n');
    expect(await statusOfTheTool()).toMatch(/^\/usr\s+jq\s/m);
  });

  test('status and list show it', async () => {
    const status = await machine.agent(['status', '--json=short']);
    const list = await machine.agent(['list']);

    expect(status.exitCode).toBe(0);
    expect(JSON.parse(status.stdout)).toMatchObject({
      apiVersion: 1,
      hierarchies: [
        { hierarchy: '/opt', extensions: [], since: null },
        { hierarchy: '/usr', extensions: ['jq'] },
      ],
      extensions: [{ name: 'jq', version: '1.7-1', merged: true, whyNot: null, ours: true }],
    });
    expect(list.stdout).toMatch(/^jq\s+1\.7-1\s+\d+\.\d KiB\s+agent\s+person\s+yes$/m);
  });

  test('it is there again after a reboot', async () => {
    await machine.reboot();

    expect(await machine.shell(`echo '{"a":2}' | jq .a`)).toBe('2\n');
    expect((await machine.agent(['status'])).exitCode).toBe(0);
  });

  test('a second install changes nothing and says so', async () => {
    const { stdout } = await machine.agent(['install', spec]);

    expect(stdout).toContain('Already installed: jq 1.7-1');
  });

  test('unmerge, merge and refresh do what they say', async () => {
    expect((await machine.agent(['unmerge'])).exitCode).toBe(0);
    expect((await machine.run(['test', '-e', '/usr/bin/jq'])).exitCode).toBe(1);
    const unmerged = await machine.agent(['status']);
    expect(unmerged).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('jq is not merged') });

    expect((await machine.agent(['merge'])).exitCode).toBe(0);
    expect((await machine.agent(['merge'])).exitCode).toBe(1);
    expect((await machine.agent(['refresh', '--json=short'])).stdout).toBe('{"apiVersion":1,"merged":["jq"]}\n');
  });

  test('remove takes it away, for good', async () => {
    const { exitCode, stdout } = await machine.agent(['remove', 'jq']);

    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Removed jq 1.7-1') });
    expect((await machine.run(['test', '-e', '/usr/bin/jq'])).exitCode).toBe(1);
    expect(await machine.shell('ls -A /var/lib/extensions')).toBe('');
    expect((await machine.agent(['remove', 'jq'])).exitCode).toBe(4);
  });

  test('history tells all of it', async () => {
    const { stdout } = await machine.agent(['history', '--json=short']);

    const { operations } = JSON.parse(stdout) as { operations: { verb: string; result: string }[] };
    expect(operations.reverse().map(({ verb, result }) => `${verb} ${result}`)).toEqual([
      'install done',
      'install done',
      'unmerge done',
      'merge done',
      'merge failed',
      'refresh done',
      'remove done',
      'remove failed',
    ]);
    expect(operations[0]).toMatchObject({
      actor: { uid: 0, command: `sysext-agent install ${spec}` },
      os: expect.stringMatching(/^debian/),
      systemd: expect.stringMatching(new RegExp(`^${version}`)),
      merged: ['jq'],
      extensions: [{ name: 'jq', version: '1.7-1', change: 'added', source: expect.stringMatching(/^jq\.yml for /) }],
    });
    expect(operations[0]).toHaveProperty('extensions.0.sha256', expect.stringMatching(/^[0-9a-f]{64}$/));
  });
});
