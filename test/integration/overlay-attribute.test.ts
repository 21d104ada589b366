import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { quickRoot, type QuickRoot } from '../lab/quick.ts';
import { makeErofs, makeExt4 } from '../support/images.ts';
import { releaseOf } from './support/images.ts';

/** Attributes by which the kernel lets a layer of an overlay hide what lies below it. */

const program = resolve(import.meta.dirname, '../../bin/sysext-agent');
const work = fs.mkdtempSync('/var/tmp/overlay-attribute-');
const tree = join(work, 'evil');

let host: QuickRoot;

beforeAll(async () => {
  const files = { '/etc/os-release': 'ID=debian\nVERSION_ID=12\n', '/usr/share/data/host': 'of the host' };
  host = await quickRoot({ files });
  for (const [path, text] of Object.entries({ ...releaseOf('evil'), 'usr/share/data/own': 'of the image' })) {
    fs.mkdirSync(dirname(join(tree, path)), { recursive: true });
    fs.writeFileSync(join(tree, path), text);
  }
  execFileSync('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', join(tree, 'usr/share/data')]);
});

afterAll(async () => {
  await host.stop();
  fs.rmSync(work, { recursive: true, force: true });
});

const makers: Readonly<Record<string, (image: string) => void>> = {
  erofs: (image) => {
    makeErofs(image, tree);
  },
  ext4: (image) => {
    makeExt4(image, tree, [8192]);
  },
  squashfs: (image) => {
    execFileSync('mksquashfs', [tree, image, '-quiet', '-no-progress'], { stdio: 'ignore' });
  },
};

test.each(Object.entries(makers))('%s: an image with them is refused, whatever is allowed', async (format, make) => {
  const image = join(work, `${format}.raw`);
  make(image);

  const refused = await host.run([program, 'install', image, '--name=evil', `--root=${host.root}`]);

  expect(refused).toMatchObject({ exitCode: 7, stdout: '' });
  expect(refused.stderr).toContain('overlay-attribute: /usr/share/data: by its attributes trusted.overlay.* it hides');
  expect(await host.run(['ls', join(host.root, 'usr/share/data')])).toMatchObject({ stdout: 'host\n' });
});

test('a directory with them is found out, and systemd-sysext would let it hide the directory of the host', async () => {
  const inspected = await host.run([program, 'inspect', tree, `--root=${host.root}`]);
  expect(inspected.stdout).toContain('refused: overlay-attribute: /usr/share/data: ');

  const extensions = join(host.root, 'var/lib/extensions');
  execFileSync('cp', ['-a', tree, join(extensions, 'evil')]);
  const merged = await host.run(['systemd-sysext', 'merge', `--root=${host.root}`]);
  expect({ exitCode: merged.exitCode, stderr: merged.stderr }).toMatchObject({ exitCode: 0 });
  expect(await host.run(['ls', join(host.root, 'usr/share/data')])).toMatchObject({ stdout: 'own\n' });
  await host.run(['systemd-sysext', 'unmerge', `--root=${host.root}`]);
});
