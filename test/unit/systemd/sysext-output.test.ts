import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { parseSystemdVersion } from '../../../src/core/systemd-version.ts';
import { parseList, parseOptions, parseStatus } from '../../../src/systemd/sysext-output.ts';

/** What the real tool printed at each version, recorded with the extensions a, b and image merged and one masked. */
const versions = [252, 254, 257, 262] as const;

function recorded(version: number, name: string): string {
  const fixtures = join(import.meta.dirname, '../../fixtures/systemd-sysext');
  return readFileSync(join(fixtures, String(version), name), 'utf8');
}

describe.each(versions)('systemd %d', (version) => {
  test('status with nothing merged', () => {
    expect(parseStatus(recorded(version, 'status-unmerged.json'))).toEqual([
      { hierarchy: '/opt', extensions: [] },
      { hierarchy: '/usr', extensions: [] },
    ]);
  });

  test('status with extensions merged into /usr', () => {
    expect(parseStatus(recorded(version, 'status-merged.json'))).toEqual([
      { hierarchy: '/opt', extensions: [] },
      { hierarchy: '/usr', extensions: ['a', 'b', 'image'], since: expect.any(Date) },
    ]);
  });

  test('list of nothing', () => {
    expect(parseList(recorded(version, 'list-empty.json'))).toEqual([]);
  });

  test('list of images and one that masks', () => {
    const time = expect.any(Date);
    expect(parseList(recorded(version, 'list.json'))).toEqual([
      { name: 'a', type: 'directory', path: '/var/lib/extensions/a', time },
      { name: 'b', type: 'directory', path: '/var/lib/extensions/b', time },
      { name: 'image', type: 'raw', path: '/var/lib/extensions/image.raw', time },
      { name: 'masked', type: 'directory', path: '/etc/extensions/masked', time },
    ]);
  });
});

test('times are cut to milliseconds', () => {
  const [, usr] = parseStatus(recorded(252, 'status-merged.json'));
  const microseconds = Number(/\d{16}/.exec(recorded(252, 'status-merged.json'))?.[0]);
  expect(usr?.since?.getTime()).toBe(Math.floor(microseconds / 1000));
});

test.each<[number, readonly string[]]>([
  [252, []],
  [254, ['--image-policy', '--noexec']],
  [257, ['--image-policy', '--mutable', '--no-reload', '--noexec']],
  [262, ['--always-refresh', '--image-policy', '--mutable', '--no-reload', '--noexec']],
])('options of %d', (version, more) => {
  const everywhere = ['--force', '--help', '--json', '--no-legend', '--no-pager', '--root', '--version'];
  expect(parseOptions(recorded(version, 'help.txt'))).toEqual([...everywhere, ...more].sort());
});

test.each([
  [252, 252, 39],
  [254, 254, 26],
  [257, 257, 13],
  [262, 262, 0],
])('version line of %d', (version, major, minor) => {
  expect(parseSystemdVersion(recorded(version, 'version.txt'))).toMatchObject({ major, minor });
});

test.each(['{}', 'null', '[1]', 'not JSON', '[['])('%j is no table', (text) => {
  for (const parse of [parseStatus, parseList]) {
    expect(() => parse(text)).toThrow(/^systemd-sysext (status|list) --json=short printed something that is no table$/);
  }
});
