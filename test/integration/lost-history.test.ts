import { afterAll, beforeAll, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';

const history = '/var/lib/sysext-agent/history.db';
let machine: Machine;

beforeAll(async () => {
  machine = await bootMachine({ systemd: 257 });
  await machine.shell(`
    for name in kept tools; do
      mkdir -p tree-$name/usr/bin tree-$name/usr/lib/extension-release.d
      echo "$name" > tree-$name/usr/bin/$name
      printf 'ID=_any\\nSYSEXT_IMAGE_VERSION=3\\n' > tree-$name/usr/lib/extension-release.d/extension-release.$name
    done
    mkfs.erofs --quiet kept.raw tree-kept
  `);
});

afterAll(async () => {
  await machine.stop();
});

async function agent(...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await machine.agent(args);
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stdout}${stderr}`);
  return stdout;
}

test('without the history, extensions that are in place are still ours', async () => {
  await agent('install', '/kept.raw');
  await agent('install', '/tree-tools', '--name=tools');
  const before = await agent('list');

  await machine.shell(`rm ${history}`);

  expect(before).toMatch(/^kept +3 .* agent +person +yes$/m);
  // Who had installed it is known no more.
  const words = (text: string) => text.replaceAll(/ +/g, ' ');
  expect(words(await agent('list'))).toBe(words(before).replaceAll('person', 'unknown'));
  expect(await agent('refresh')).toContain('Merged: kept, tools');
  expect(words(await agent('list'))).toBe(words(before).replaceAll('person', 'unknown'));
  expect(await agent('remove', 'kept', 'tools')).toContain('Removed kept 3');
  expect(await machine.shell('ls -A /var/lib/extensions')).toBe('');
  expect(await agent('rollback')).toContain('Merged: kept, tools');
  expect(await agent('remove', 'kept', 'tools')).toContain('Removed kept 3');
});

test('a history that is damaged is named, and what is merged stays', async () => {
  await agent('install', '/kept.raw');
  await machine.shell(`echo nonsense > ${history}`);

  const damaged = await machine.agent(['refresh']);

  expect(damaged).toMatchObject({ exitCode: 1, stdout: '' });
  expect(damaged.stderr).toContain(`the history ${history} cannot be used`);
  expect(damaged.stderr).toContain('sysext-agent doctor --rebuild');
  expect(await machine.shell('cat /usr/bin/kept')).toBe('kept\n');
  expect(await agent('doctor', '--rebuild')).toContain(`The old one is kept as ${history}.damaged-`);
  expect(await agent('list')).toMatch(/^kept +3 .* agent +unknown +yes$/m);
});

test('an image that would hide a directory of the host is refused, and the host still works', async () => {
  await machine.shell(`
    mkdir -p bad/usr/elsewhere/extension-release.d
    ln -s elsewhere bad/usr/lib
    echo ID=_any > bad/usr/elsewhere/extension-release.d/extension-release.bad
    mkfs.erofs --quiet bad.raw bad
  `);

  const refused = await machine.agent(['install', '/bad.raw']);

  expect(refused).toMatchObject({ exitCode: 7, stdout: '' });
  expect(refused.stderr).toContain('/usr/lib is a symlink in it, and a directory on this host');
  expect(await machine.shell('systemd-sysext --version')).toContain('systemd 257');
});
