import { afterAll, beforeAll, expect, test } from 'vitest';

import { bootMachine, type Machine } from '../lab/machine.ts';
import { extensionImage, putBytes } from './support/images.ts';
import { startRegistry, type RunningRegistry } from './support/registry.ts';
import { serviceMachine, shown, untilShown } from './support/service-machine.ts';

let registry: RunningRegistry;
let publisher: Machine;
let host: Machine;

beforeAll(async () => {
  registry = await startRegistry({ guarded: true });
  [publisher, host] = await Promise.all([bootMachine({ systemd: 252 }), serviceMachine(262)]);
  for (const machine of [publisher, host]) {
    await machine.copyIn(registry.certificate, '/etc/ssl/registry.pem');
    await machine.write('/run/containers/0/auth.json', credentials(registry));
    await machine.write('/etc/sysext-agent/agent.yml', settings(registry));
  }
  for (const version of ['1.7', '1.8'])
    await putBytes(publisher, `/srv/jq_${version}_x86-64.raw`, extensionImage('jq', version));
});

afterAll(async () => {
  await Promise.all([publisher.stop(), host.stop()]);
  await registry[Symbol.asyncDispose]();
});

function credentials({ host: name, user }: RunningRegistry): string {
  return JSON.stringify({
    auths: { [name]: { auth: Buffer.from(`${user.name}:${user.password}`).toString('base64') } },
  });
}

function settings({ host: name }: RunningRegistry): string {
  return `registries: {"${name}": {ca: /etc/ssl/registry.pem}}\ntrust: [{place: "oci://${name}", unsigned: allowed}]\n`;
}

const reference = () => `oci://${registry.host}/extensions/jq`;
const merged = 'cat /usr/share/jq/version';

async function publish(version: string): Promise<string> {
  const { stdout, stderr } = await publisher.agent(['push', `/srv/jq_${version}_x86-64.raw`, reference()]);
  return /^Digest: (sha256:\w{64})$/m.exec(stdout)?.[1] ?? stderr;
}

test('what one machine publishes another one has by a drop-in, and its newer version by an upgrade', async () => {
  const digest = await publish('1.7');
  await host.write(
    '/etc/sysext-agent/extensions.d/50-jq.yml',
    `extensions: {jq: {from: "${reference()}", version: 1.*}}\n`,
  );
  await host.shell('systemctl start sysext-agent');
  await untilShown(host, merged, '1.7');

  expect(digest).toMatch(/^sha256:/);
  expect(await shown(host, 'sysext-agent explain jq')).toContain(`${reference()}@sha256:`);

  await publish('1.8');
  expect(await shown(host, 'sysext-agent upgrade --check --no-legend')).toMatch(/^jq +1\.7 +1\.8 +fetch oci:/);
  await host.shell('sysext-agent upgrade');
  expect(await shown(host, merged)).toBe('1.8');
});

test('an image comes by its tag and by its digest, the digest is on record, and the service fetches it over the bus', async () => {
  const digest = await publish('1.7');
  await host.shell('rm /etc/sysext-agent/extensions.d/50-jq.yml');
  await untilShown(host, `${merged} 2>/dev/null || echo none`, 'none');

  await host.shell(
    `busctl call io.github.SysextAgent1 /io/github/SysextAgent1 io.github.SysextAgent1.Manager Install 'asa{sv}' 1 ${reference()}:1.8 0`,
  );
  await untilShown(host, merged, '1.8');
  await host.shell(`sysext-agent install ${reference()}@${digest}`);
  expect(await shown(host, merged)).toBe('1.7');
  expect(await shown(host, 'sysext-agent explain jq')).toContain('Who vouched for it: the digest that was asked for.');
});
