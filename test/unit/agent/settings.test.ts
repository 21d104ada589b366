import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { allowedBy, readSettings } from '../../../src/agent/settings.ts';
import { AgentError, renderError } from '../../../src/core/errors.ts';
import { temporaryDirectory } from '../../support/archives.ts';

let root: ReturnType<typeof temporaryDirectory>;

beforeEach(() => {
  root = temporaryDirectory();
});

afterEach(() => {
  root[Symbol.dispose]();
});

function put(path: string, text: string): void {
  mkdirSync(dirname(root.at(path)), { recursive: true });
  writeFileSync(root.at(path), text);
}

/** What is allowed in the extension `jq`, as `rule by file`. */
async function allowed(): Promise<string[]> {
  const settings = await readSettings(root.at('.'));
  return allowedBy(settings, 'jq').map(({ rule, by }) => `${rule} ${by.slice(root.at('.').length)}`);
}

async function failure(): Promise<string> {
  const error = await readSettings(root.at('.')).catch((thrown: unknown) => thrown);
  return error instanceof AgentError ? `${error.code}: ${renderError(error)}` : 'no error';
}

test('without files nothing is allowed', async () => {
  expect(await allowed()).toEqual([]);
});

test('all files add up, those in /etc come first, and other extensions are left out', async () => {
  put('etc/sysext-agent/agent.yml', 'allow: [setuid]\nextensions:\n  jq: {allow: [polkit]}\n  zsh: {allow: [pam]}\n');
  put('usr/lib/sysext-agent/agent.yml', 'allow: [owner]\n');
  put('etc/sysext-agent/agent.d/10-a.yml', 'extensions: {jq: {allow: [nss]}}\n');
  put('usr/lib/sysext-agent/agent.d/20-b.yml', 'allow: [environment]\n');
  put('usr/lib/sysext-agent/agent.d/30-masked.yml', 'allow: [udev-rules]\n');
  symlinkSync('/dev/null', root.at('etc/sysext-agent/agent.d/30-masked.yml'));

  expect(await allowed()).toEqual([
    'setuid /etc/sysext-agent/agent.yml',
    'environment /usr/lib/sysext-agent/agent.d/20-b.yml',
    'polkit /etc/sysext-agent/agent.yml',
    'nss /etc/sysext-agent/agent.d/10-a.yml',
  ]);
});

test('the last time limit for a merge counts, and must be a number of seconds', async () => {
  put('usr/lib/sysext-agent/agent.yml', 'merge_time_limit: 60\n');
  put('etc/sysext-agent/agent.d/10-slow.yml', 'merge_time_limit: 900\n');
  expect(await readSettings(root.at('.'))).toMatchObject({ mergeTimeLimit: 900 });

  put('etc/sysext-agent/agent.d/10-slow.yml', 'merge_time_limit: 0\n');
  expect(await failure()).toMatch(/10-slow\.yml:1:19: .*from 1 to 86400/);
});

test('the last driver for a merge counts, and must be one that there is', async () => {
  put('usr/lib/sysext-agent/agent.yml', 'merge: {driver: refresh}\n');
  expect(await readSettings(root.at('.'))).toMatchObject({ mergeDriver: 'refresh' });
  put('etc/sysext-agent/agent.d/10-merge.yml', 'merge:\n  driver: atomic\n');
  expect(await readSettings(root.at('.'))).toMatchObject({ mergeDriver: 'atomic' });

  put('etc/sysext-agent/agent.d/10-merge.yml', 'merge: {driver: magic}\n');
  expect(await failure()).toMatch(/10-merge\.yml:1:17: /);
});

test('a link to /dev/null hides agent.yml of the other directories', async () => {
  put('usr/lib/sysext-agent/agent.yml', 'allow: [owner]\n');
  mkdirSync(root.at('etc/sysext-agent'), { recursive: true });
  symlinkSync('/dev/null', root.at('etc/sysext-agent/agent.yml'));

  expect(await allowed()).toEqual([]);
});

test('health checks are those of all files, of the host and of extensions', async () => {
  put(
    'etc/sysext-agent/agent.yml',
    'health: [{unit: net.service}]\nextensions:\n  jq: {health: [{command: [jq, --version], timeout: 5s}]}\n',
  );
  put('etc/sysext-agent/agent.d/10-a.yml', 'health: [{command: [true]}]\n');

  const { health } = await readSettings(root.at('.'));

  expect(health).toEqual([
    {
      name: 'net.service',
      probe: { kind: 'unit', unit: 'net.service' },
      timeout: 60_000,
      retries: 0,
      interval: 1000,
      by: root.at('etc/sysext-agent/agent.yml'),
    },
    {
      name: 'jq --version',
      probe: { kind: 'command', command: ['jq', '--version'] },
      timeout: 5000,
      retries: 0,
      interval: 1000,
      by: root.at('etc/sysext-agent/agent.yml'),
      extension: 'jq',
    },
    expect.objectContaining({ name: 'true', by: root.at('etc/sysext-agent/agent.d/10-a.yml') }),
  ]);
});

describe('a file that is wrong is refused', () => {
  test.each([
    ['allow: [setiud]', 'agent.yml:1:9: allow[0]: there is no rule "setiud", did you mean "setuid"?'],
    ['allow: [device]', 'agent.yml:1:9: allow[0]: "device" cannot be allowed'],
    ['allow: setuid', 'agent.yml:1:8: allow: expected a list such as ["setuid"]'],
    ['alow: [setuid]', 'agent.yml:1:1: unknown field "alow", did you mean "allow"?'],
    ['extensions:\n  a/b: {}\n', 'agent.yml:2:3: extensions: "a/b" cannot be the name of an extension'],
    ['health: [{unit: net}]', 'agent.yml:1:17: health[0].unit: "net" is no name of a unit'],
    [
      'extensions: {jq: {health: [{}]}}',
      'agent.yml:1:28: extensions.jq.health[0]: a check has one of command, prepare and',
    ],
    ['extensions:\n  jq: {alow: []}\n', 'agent.yml:2:8: extensions.jq: unknown field "alow"'],
  ])('%s', async (text, message) => {
    put('etc/sysext-agent/agent.yml', text);

    expect(await failure()).toMatch(/^invalid-config: cannot read the configuration .*agent\.yml: there is 1 problem/);
    expect(await failure()).toContain(message);
  });

  test('as is one that others could have written', async () => {
    put('etc/sysext-agent/agent.d/x.yml', 'allow: [setuid]');
    chmodSync(root.at('etc/sysext-agent/agent.d/x.yml'), 0o666);

    expect(await failure()).toMatch(
      /^invalid-config: .*x\.yml does not belong to root alone.*\nNothing was changed\.\nLook/,
    );
  });
});
