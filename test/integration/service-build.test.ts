import { mkdirSync, realpathSync } from 'node:fs';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { buildingHost } from '../lab/build-host.ts';
import type { Machine } from '../lab/machine.ts';
import { serviceMachine, shown, untilShown } from './support/service-machine.ts';

/** What a fleet has built from source: by PID 1, for a service that may make no namespaces itself. */

const dropIn = '/etc/sysext-agent/extensions.d/50-greeting.yml';

/** Another one in each run: what was built of it before is in the cache. */
const word = `one-${process.pid}`;

let machine: Machine;

beforeAll(async () => {
  const { cache } = await buildingHost();
  mkdirSync(cache, { recursive: true });
  machine = await serviceMachine(257, { binds: [{ source: cache, target: '/var/cache/sysext-agent' }] });
  await machine.copyIn(realpathSync('/usr/bin/bwrap'), '/usr/bin/bwrap');
  await machine.shell('systemctl start sysext-agent');
});

afterAll(async () => {
  await machine[Symbol.asyncDispose]();
});

/** A C program with a test of its own; `word` is what it says, `expected` what the test wants. */
function spec(word: string, expected = word): string {
  return `name: greeting
version: '1.0'
revision: '1'
packager: Someone <someone@example.org>
license: MIT
description: says a word
website: https://example.org
sources:
  src:
    inline:
      dir:
        files:
          greeting.c: {contents: "#include <stdio.h>\\nint main(void) { puts(\\"${word}\\"); return 0; }\\n"}
build:
  steps:
    - command: gcc -static -o src/greeting src/greeting.c
artifacts:
  binaries:
    src/greeting: {}
tests:
  - name: it speaks
    steps:
      - command: greeting
        stdout: {equals: "${expected}\\n"}
`;
}

/** Has the service see a drop-in whose spec this is. */
async function wish(text: string, name: string): Promise<void> {
  const specPath = `/etc/sysext-agent/specs/${name}.yml`;
  await machine.write(specPath, text);
  await machine.write(dropIn, `extensions:\n  greeting:\n    spec: ${specPath}\n`);
}

test('a drop-in whose spec is made of C source is built, tested and merged', async () => {
  await wish(spec(word), 'first');

  await untilShown(machine, 'greeting', word);

  const units = await shown(machine, 'journalctl --no-pager -o cat _PID=1');
  expect(units).toContain('Build of /etc/sysext-agent/specs/first.yml, for sysext-agent');
  expect(await shown(machine, 'sysext-agent build --log greeting')).toMatch(/^==> build step 1 /m);
  expect(await shown(machine, 'systemctl is-active sysext-agent')).toBe('active');
});

test('one whose test fails is told, and what is merged stays', async () => {
  await wish(spec('two', 'three'), 'second');

  await untilShown(machine, 'sysext-agent status', /second\.yml:24:26: .*expected: "three\\n", got "two\\n"/);

  expect(await shown(machine, 'greeting')).toBe(word);
});

test('one whose build is killed is told as that, and what is merged stays', async () => {
  await wish(spec('four').replace('- command: gcc', '- command: sleep 600\n    - command: gcc'), 'third');
  // The one before may be tried again first.
  const building = "systemctl list-units --no-legend --plain 'sysext-agent-run-build-*' | grep third | cut -d' ' -f1";
  const unit = await untilShown(machine, building, /^\S+\.service$/);

  await machine.shell(`systemctl kill --signal=KILL ${unit}`);

  await untilShown(machine, 'sysext-agent status', /the build of \S+third\.yml ended with exit code 137/);
  expect(await shown(machine, 'greeting')).toBe(word);
  // It leaves nothing in the cache that other tests are at work in.
  await machine.shell("systemctl stop sysext-agent 'sysext-agent-run-build-*'");
  await machine.shell('sysext-agent build /etc/sysext-agent/specs/first.yml --output=/tmp');
});
