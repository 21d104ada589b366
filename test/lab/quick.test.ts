import fs from 'node:fs';

import { expect, test } from 'vitest';

import { quickRoot } from './quick.ts';

test("the host's systemd-sysext merges below a scratch root that only its commands see", async () => {
  await using quick = await quickRoot({
    files: {
      '/etc/os-release': 'ID=scratch\nVERSION_ID=1\n',
      '/var/lib/extensions/a/usr/lib/extension-release.d/extension-release.a': 'ID=scratch\nVERSION_ID=1\n',
      '/var/lib/extensions/a/usr/share/a': 'this is a\n',
    },
  });
  const sysext = (verb: string) => quick.run(['systemd-sysext', `--root=${quick.root}`, verb]);
  const show = () => quick.run(['cat', `${quick.root}/usr/share/a`]);

  expect(await sysext('merge')).toMatchObject({ exitCode: 0 });
  expect(await show()).toMatchObject({ exitCode: 0, stdout: 'this is a\n' });
  expect(fs.existsSync(`${quick.root}/usr/share/a`)).toBe(false);
  expect(fs.readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(quick.root);

  expect(await sysext('unmerge')).toMatchObject({ exitCode: 0 });
  expect(await show()).toMatchObject({ exitCode: 1 });
  await quick.stop();
  expect(fs.existsSync(quick.root)).toBe(false);
});
