import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Agent } from '../../../../src/agent/agent.ts';
import { pathsBelow } from '../../../../src/agent/paths.ts';
import { permissionNow, settleSlot } from '../../../../src/agent/unattended/permission.ts';
import { systemClock } from '../../../../src/host/clock.ts';
import { shareOfHost } from '../../../../src/systemd/machine-id.ts';
import { close, listen } from '../../../integration/support/server.ts';
import { temporaryDirectory } from '../../../support/archives.ts';
import { standingClock } from '../../../support/clock.ts';
import { fleetLockServer, type FleetLockServer } from '../../../support/fleet-lock-server.ts';

const machineId = '3d1219c7c4c5404aaa1f6d2a48adfda4';

let root: ReturnType<typeof temporaryDirectory>;
let server: FleetLockServer;

beforeEach(async () => {
  root = temporaryDirectory();
  server = await fleetLockServer({ default: 1, workers: 2 });
  put('etc/machine-id', `${machineId}\n`);
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

function put(path: string, text: string): void {
  mkdirSync(root.at(path.replace(/\/[^/]*$/, '')), { recursive: true });
  writeFileSync(root.at(path), text);
}

function configure(text: string): void {
  put('etc/sysext-agent/agent.yml', text);
}

/** As much of an agent as is needed here. */
function agent(more: Partial<Agent> = {}): Agent {
  const parts = { root: root.at('.'), paths: pathsBelow(root.at('.')), clock: systemClock };
  return { ...parts, actor: { uid: 0, command: 'test' }, ...more } as Agent;
}

const note = () => root.at('var/lib/sysext-agent/fleet-lock.json');

/** Why it is not granted, or that it is. */
async function asked(more: Partial<Agent> = {}): Promise<string> {
  await using permission = await permissionNow(agent(more));
  return permission.granted ? 'granted' : permission.delay.reason.replace(server.url, 'URL');
}

test('without settings it is granted, and nobody is asked', async () => {
  expect(await asked()).toBe('granted');
  expect(existsSync(note())).toBe(false);
});

test('where no window is open it is not, and it is told when the next one opens; the lock is not asked', async () => {
  configure(
    `windows: [{days: [sat], from: 02:00, to: 04:00, spread: 1h, zone: UTC}]\nfleet_lock: {url: "${server.url}"}\n`,
  );
  await using permission = await permissionNow(agent({ clock: standingClock() }));

  expect(permission).toMatchObject({
    granted: false,
    delay: { reason: 'no maintenance window is open', until: expect.toSatisfy(isPartOfHour) },
  });
  expect(server.asked).toEqual([]);
});

/** Which part it is the machine id says. */
function isPartOfHour(until: Date): boolean {
  const late = until.getTime() - Date.parse('1970-01-03T02:00Z');
  return late === Math.floor(shareOfHost(root.at('.')) * 3_600_000) && late > 0;
}

describe('with a fleet lock', () => {
  beforeEach(() => {
    configure(`fleet_lock: {url: "${server.url}/", group: workers}\n`);
  });

  test('a slot is taken for the time of the change, under a name that is not the machine id', async () => {
    {
      await using permission = await permissionNow(agent());
      expect(permission.granted).toBe(true);
      expect(server.owners('workers')).toHaveLength(1);
      expect(JSON.parse(readFileSync(note(), 'utf8'))).toEqual({ url: `${server.url}/`, group: 'workers' });
    }
    expect(server.owners('workers')).toEqual([]);
    expect(existsSync(note())).toBe(false);
    const [first, second] = server.asked;
    expect([first?.operation, second?.operation]).toEqual(['pre-reboot', 'steady-state']);
    // As `systemd-id128 machine-id --app-specific=5b1c2f0e6a7d4c0c9d3e8f41b2a6907e` says it on that machine.
    expect(first?.id).toBe('ff29d959e6094ba28154bc5aec93b474');
    expect(second?.id).toBe(first?.id);
  });

  test('where all slots are taken it waits, and nothing is left of it', async () => {
    server.take('workers', 'a');
    server.take('workers', 'b');
    expect(await asked()).toBe('the fleet lock URL/ has no slot for us: failed_lock: all slots are taken');
    expect(existsSync(note())).toBe(false);

    server.release('workers', 'a');
    expect(await asked()).toBe('granted');
    expect(server.owners('workers')).toEqual(['b']);
  });

  test('what the server does not know it says', async () => {
    configure(`fleet_lock: {url: "${server.url}", group: strangers}\n`);
    expect(await asked()).toBe('the fleet lock URL has no slot for us: unknown_group: there is no group strangers');
  });

  test('a slot that a killed process had is given back by the next one, to the server that gave it', async () => {
    const held = await permissionNow(agent());
    expect(held.granted).toBe(true);
    const text = readFileSync(note(), 'utf8');
    await held[Symbol.asyncDispose]();
    server.take('workers', server.asked[0]?.id ?? '');
    writeFileSync(note(), text);
    configure('{}\n');

    expect(await settleSlot(agent())).toBe(true);
    expect(server.owners('workers')).toEqual([]);
    expect(existsSync(note())).toBe(false);
    expect(await settleSlot(agent())).toBe(true);
  });

  test('a slot that may have been given without our hearing of it is given back later', async () => {
    server.fail(1, 'after');
    expect(await asked()).toBe('cannot fetch URL/v1/pre-reboot: the connection was closed early');
    expect(server.owners('workers')).toHaveLength(1);

    server.fail(1, 'before');
    expect(await settleSlot(agent())).toBe(false);
    expect(await settleSlot(agent())).toBe(true);
    expect(server.owners('workers')).toEqual([]);
  });

  test('a slot that cannot be given back does not spoil the change', async () => {
    {
      await using permission = await permissionNow(agent());
      expect(permission.granted).toBe(true);
      server.fail(1, 'before');
    }
    expect(existsSync(note())).toBe(true);
    expect(await settleSlot(agent())).toBe(true);
    expect(server.owners('workers')).toEqual([]);
  });

  test('of two processes one has the slot, and the other leaves it alone', async () => {
    await using permission = await permissionNow(agent({ actor: { uid: 0, command: 'first' } }));
    expect(permission.granted).toBe(true);

    expect(await asked()).toMatch(/^first \(process \d+\) has the slot of the fleet lock$/);
    expect(await settleSlot(agent())).toBe(false);
    expect(server.owners('workers')).toHaveLength(1);
  });

  test('it is given back also when the process is told to end meanwhile', async () => {
    const stop = new AbortController();
    {
      await using permission = await permissionNow(agent({ signal: stop.signal }));
      expect(permission.granted).toBe(true);
      stop.abort();
    }
    expect(server.owners('workers')).toEqual([]);
  });

  test('a server that says nothing is not waited for for ever', async () => {
    const silent = createServer(() => undefined);
    const clock = standingClock();
    configure(`fleet_lock: {url: "${await listen(silent)}"}\n`);
    const answer = asked({ clock });
    await clock.pass(30_000);

    expect(await answer).toMatch(/^http:\/\/127\.0\.0\.1:\d+ did not answer within 30 s$/);
    await close(silent);
  });
});

test('what comes from a server cannot spoil a terminal', async () => {
  const hostile = createServer((_, response) => response.writeHead(409).end('\u001b[2Jno\u0007 slot\nmore'));
  configure(`fleet_lock: {url: "${await listen(hostile)}"}\n`);
  expect(await asked()).toMatch(/^the fleet lock http:\S+ has no slot for us: \[2Jno {2}slot$/);
  await close(hostile);
});

test('a host without an identity is told so', async () => {
  put('etc/machine-id', 'uninitialized\n');
  configure(`fleet_lock: {url: "${server.url}"}\n`);
  expect(await asked()).toBe('this host has no machine id, and a fleet lock knows hosts by that');
});
