import { randomFillSync } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { execa } from 'execa';

import { startRegistry } from '../integration/support/registry.ts';
import { bootMachine, type Machine } from '../lab/machine.ts';

/*
 * Publishes a large image from one machine in a docker-registry with a password, installs it by its tag on another one,
 * and looks at what is merged and recorded there, and at the memory that it took.
 *   node test/real/large-image.ts [MiB]
 */
const mebibytes = Number(process.argv[2] ?? 1024);
const patience = { timeoutMs: 30_000 + mebibytes * 200 };
const agent = '/srv/sysext-agent/bin/sysext-agent';

/** Makes an image with a file of random bytes, which no compression makes smaller. @returns the sha256 of the file. */
async function makeImage(directory: string, image: string): Promise<string> {
  const tree = join(directory, 'tree');
  const [share, release] = [join(tree, 'usr/share/big'), join(tree, 'usr/lib/extension-release.d')];
  for (const made of [share, release]) fs.mkdirSync(made, { recursive: true });
  fs.writeFileSync(join(release, 'extension-release.big'), 'ID=_any\n');
  const [file, piece] = [join(share, 'bytes'), Buffer.alloc(2 ** 20)];
  for (let number = 0; number < mebibytes; number++) fs.appendFileSync(file, randomFillSync(piece));
  await execa('mkfs.erofs', ['--quiet', '--all-root', image, tree]);
  const { stdout } = await execa('sha256sum', [file]);
  fs.rmSync(tree, { recursive: true });
  return stdout.slice(0, 64);
}

/** Runs the agent in a machine. @returns what it printed, and the most memory that it had at a time, in MiB. */
async function measured(machine: Machine, args: string): Promise<{ readonly printed: string; readonly peak: number }> {
  const script = `
    ${agent} ${args} >/run/printed 2>&1 & pid=$!
    while grep VmHWM /proc/$pid/status >/run/peak.new; do mv /run/peak.new /run/peak; sleep 0.05; done
    wait $pid || { cat /run/printed; exit 1; }
    grep -o '[0-9]*' /run/peak; cat /run/printed`;
  const [peak = '', ...printed] = (await machine.shell(script, patience)).split('\n');
  return { printed: printed.join('\n'), peak: Math.round(Number(peak) / 1024) };
}

function expect(what: string, isSo: boolean, found: string): void {
  process.stdout.write(`${isSo ? 'ok  ' : 'not '}  ${what}\n`);
  if (isSo) return;
  process.stdout.write(`${found}\n`);
  process.exitCode = 1;
}

const directory = fs.mkdtempSync(join(tmpdir(), 'large-image-'));
try {
  const image = join(directory, 'big_1.0_x86-64.raw');
  const file = await makeImage(directory, image);
  await using registry = await startRegistry({ guarded: true });
  await using publisher = await bootMachine({ systemd: 257, binds: [{ source: directory, target: '/srv/images' }] });
  await using host = await bootMachine({ systemd: 257 });
  const auth = Buffer.from(`${registry.user.name}:${registry.user.password}`).toString('base64');
  for (const machine of [publisher, host]) {
    await machine.copyIn(registry.certificate, '/etc/ssl/registry.pem');
    await machine.write('/run/containers/0/auth.json', JSON.stringify({ auths: { [registry.host]: { auth } } }));
    await machine.write(
      '/etc/sysext-agent/agent.yml',
      `registries: {"${registry.host}": {ca: /etc/ssl/registry.pem}}\ntrust: [{place: "oci://${registry.host}", unsigned: allowed}]\n`,
    );
  }
  const reference = `oci://${registry.host}/extensions/big`;
  const pushed = await measured(publisher, `push /srv/images/big_1.0_x86-64.raw ${reference}`);
  const digest = /sha256:\w{64}/.exec(pushed.printed)?.[0] ?? '';
  expect(`pushed, with a peak of ${pushed.peak} MiB`, digest !== '', pushed.printed);

  const began = performance.now();
  const installed = await measured(host, `install ${reference}:1.0`);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  expect(`installed by its tag in ${seconds} s, with a peak of ${installed.peak} MiB`, true, '');

  const found = await host.shell('sha256sum /usr/share/big/bytes', patience);
  expect(`merged: ${mebibytes} MiB are the same`, found.startsWith(file), found);
  const explained = await host.shell(`${agent} explain big`);
  const recorded = /@(sha256:\w{64})/.exec(explained)?.[1] ?? '';
  expect(`its manifest is on record by digest: ${recorded}`, recorded !== '', explained);
  const history = await host.shell(`${agent} history --json=short`);
  const { stdout } = await execa('sha256sum', [image]);
  expect('and so is the image in the history', history.includes(stdout.slice(0, 64)), history);
} finally {
  fs.rmSync(directory, { recursive: true, force: true });
}
