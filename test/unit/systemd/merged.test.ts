import { mkdirSync, statSync, writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { mergedNames, readMerged } from '../../../src/systemd/merged.ts';
import { temporaryDirectory } from '../../support/archives.ts';

test('a root without hierarchies shows none', () => {
  using root = temporaryDirectory();
  expect(readMerged(root.path)).toEqual([]);
});

test('hierarchies with nothing merged, /opt first', () => {
  using root = temporaryDirectory();
  for (const name of ['usr', 'opt']) mkdirSync(root.at(name));
  expect(readMerged(root.path)).toEqual([
    { hierarchy: '/opt', extensions: [] },
    { hierarchy: '/usr', extensions: [] },
  ]);
});

test.each([
  ['another device', () => '0:12345'],
  ['its own device, yet not mounted', (device: number) => `${device >> 8}:${device & 0xff}`],
  ['nothing', () => ''],
])('metadata that notes %s is a copy', (_title, noted) => {
  using root = temporaryDirectory();
  mkdirSync(root.at('usr/.systemd-sysext'), { recursive: true });
  writeFileSync(root.at('usr/.systemd-sysext/extensions'), 'jq\n');
  writeFileSync(root.at('usr/.systemd-sysext/dev'), `${noted(statSync(root.at('usr')).dev)}\n`);
  expect(readMerged(root.path)).toEqual([{ hierarchy: '/usr', extensions: [] }]);
});

test('the names of what is merged, each once and ascending', () => {
  const since = new Date(0);
  expect(
    mergedNames([
      { hierarchy: '/opt', extensions: ['jq', 'b'], since },
      { hierarchy: '/usr', extensions: ['a', 'jq'], since },
    ]),
  ).toEqual(['a', 'b', 'jq']);
});
