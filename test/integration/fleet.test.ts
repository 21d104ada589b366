import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { extensionImage } from './support/images.ts';
import { quickAgent, type QuickAgent } from './support/quick-agent.ts';

let lab: QuickAgent;

beforeEach(async () => {
  lab = await quickAgent();
  mkdirSync(directory(), { recursive: true });
});

afterEach(async () => {
  await lab[Symbol.asyncDispose]();
});

const directory = () => join(lab.quick.root, 'etc/sysext-agent/extensions.d');
const path = (name: string) => `${directory()}/${name}`;

function dropIn(name: string, text: string): void {
  writeFileSync(path(name), text);
}

/** Makes an image of an extension, and a drop-in that wants it. */
function wanted(name: string, version = '1'): void {
  lab.image(name, version);
  dropIn(`50-${name}.yml`, `extensions:\n  ${name}:\n    image: /${name}.raw\n`);
}

async function apply() {
  const { exitCode, stdout, stderr } = await lab.agent('apply', '--fleet');
  return { exitCode, said: stdout.trimEnd().split('\n'), noted: stderr };
}

/** Without the digest. */
const unsigned = (line: string) => line.replace(/ \(sha256.*/, '');

const operations = async () =>
  (await lab.json<{ operations: { verb: string; extensions: { name: string; change: string }[] }[] }>('history'))
    .operations;

describe('apply --fleet', () => {
  test('installs, replaces and removes in one operation each, and does nothing where nothing changed', async () => {
    wanted('jq');
    wanted('tools');
    const first = await apply();
    expect({ exitCode: first.exitCode, said: first.said.map(unsigned) }).toEqual({
      exitCode: 0,
      said: ['Installed jq', 'Installed tools', 'Merged: jq, tools'],
    });

    lab.put('jq-2.raw', extensionImage('jq', '2'));
    dropIn('50-jq.yml', 'extensions: {jq: {image: /jq-2.raw}}\n');
    rmSync(path('50-tools.yml'));
    const { said } = await apply();
    expect(said.map(unsigned)).toEqual(['Replaced jq 2', 'Removed tools', 'Merged: jq']);
    expect(await lab.shell('cat usr/share/jq/version')).toBe('2\n');

    expect((await apply()).said).toEqual(['Merged: jq']);
    expect(
      (await operations()).map(({ verb, extensions }) => [
        verb,
        extensions.filter(({ change }) => change !== 'merged').length,
      ]),
    ).toEqual([
      ['apply', 2],
      ['apply', 2],
    ]);
  });

  test('a drop-in that cannot be used stops itself alone, and is told with its place', async () => {
    wanted('jq');
    dropIn('60-bad.yml', 'extensions:\n  tools:\n    imgae: /tools.raw\n');
    dropIn('70-gone.yml', 'extensions:\n  gone:\n    image: /srv/gone.raw\n');
    dropIn('80-far.yml', 'extensions:\n  far:\n    from: http://127.0.0.1:9/far/\n');
    dropIn('90-old.yml', 'extensions:\n  old:\n    image: /old_1.raw\n    version: ">=2"\n');
    lab.put('old_1.raw', extensionImage('old', '1'));

    const { exitCode, said, noted } = await apply();
    const told = noted.replaceAll(lab.quick.root, '');

    expect({ exitCode, said: said.at(-1) }).toEqual({ exitCode: 1, said: 'Merged: jq' });
    expect(told).toContain(
      'problem: /etc/sysext-agent/extensions.d/60-bad.yml:3:5: extensions.tools: unknown field "imgae"',
    );
    expect(told).toContain('70-gone.yml:3:12: extensions.gone.image: there is no file or directory /srv/gone.raw');
    expect(told).toContain(
      '80-far.yml:3:11: extensions.far.from: http://127.0.0.1:9/far/ is not encrypted: what comes by http could have been changed',
    );
    expect(told).toContain('90-old.yml:4:14: extensions.old.version: its image has the version 1, and >=2 is wanted');
    const status = (await lab.agent('status')).stdout.replaceAll(lab.quick.root, '');
    for (const place of ['60-bad.yml:3:5', '70-gone.yml:3:12', '80-far.yml:3:11', '90-old.yml:4:14'])
      expect(status).toContain(`problem: /etc/sysext-agent/extensions.d/${place}: `);

    lab.put('srv-gone.raw', extensionImage('gone'));
    dropIn('70-gone.yml', 'extensions:\n  gone:\n    image: /srv-gone.raw\n');
    expect((await apply()).said.at(-1)).toBe('Merged: gone, jq');
    expect((await lab.agent('status')).stdout).not.toContain('70-gone.yml');
  });

  test('where no drop-in is about anything, what is merged is left to persons', async () => {
    lab.put('var/lib/extensions/foreign.raw', extensionImage('foreign', '1'));

    expect(await apply()).toMatchObject({ exitCode: 0, said: ['Nothing is merged.'] });
    expect(await operations()).toEqual([]);
  });

  test('what a person installed and what the fleet installed do not touch each other', async () => {
    wanted('jq');
    await lab.ok('install', lab.image('tools'));
    dropIn('60-tools.yml', 'extensions: {tools: {state: absent}}\n');
    expect((await apply()).said.at(-1)).toBe('Merged: jq, tools');

    const list = await lab.json<{ extensions: { name: string; owner: object }[] }>('list');
    expect(list.extensions.map(({ name, owner }) => [name, owner])).toEqual([
      ['jq', { kind: 'fleet', files: ['50-jq.yml'] }],
      ['tools', { kind: 'person', files: [] }],
    ]);
    expect(await lab.ok('list')).toMatch(/^jq .* fleet 50-jq\.yml +yes$/m);
    expect(await lab.ok('status')).toContain(
      'note: tools stays as it is: a person installed it: `sysext-agent remove tools` leaves it to the fleet',
    );
    for (const command of [
      ['remove', 'jq'],
      ['install', lab.image('jq', '3')],
    ]) {
      const { exitCode, stderr } = await lab.agent(...command);
      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr: expect.stringContaining("jq: it is installed by the fleet's 50-jq.yml\nNothing was changed."),
      });
    }
  });

  test('the loss of all drop-ins removes nothing until it is confirmed', async () => {
    wanted('jq');
    wanted('tools');
    await apply();
    rmSync(directory(), { recursive: true });

    const { exitCode, said, noted } = await apply();
    expect({ exitCode, said }).toEqual({ exitCode: 1, said: ['Merged: jq, tools'] });
    expect(noted).toContain("say that nothing is wanted: echo 'extensions: {}' > ");
    expect(await lab.ok('status')).toContain('problem: no drop-in of extensions.d is left that says anything');

    mkdirSync(directory());
    dropIn('00-none.yml', 'extensions: {}\n');
    expect((await apply()).said.at(-1)).toBe('Nothing is merged.');
  });

  test('files that are renamed, health checks that change and other ranges need no new image', async () => {
    wanted('jq');
    await apply();
    rmSync(path('50-jq.yml'));
    dropIn('10-jq.yml', 'extensions: {jq: {image: /jq.raw, health: [{command: [/bin/true]}]}}\n');

    expect((await apply()).said).toEqual(['Merged: jq']);
    expect(await lab.ok('list')).toContain('fleet 10-jq.yml');
    const before = (await operations()).length;
    await apply();
    expect((await operations()).length).toBe(before);
  });
});
