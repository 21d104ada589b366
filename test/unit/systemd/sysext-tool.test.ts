import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, test } from 'vitest';

import { parseOptions } from '../../../src/systemd/sysext-output.ts';
import { mergeArguments } from '../../../src/systemd/sysext-tool.ts';

function optionsOf(version: number): string[] {
  const help = join(import.meta.dirname, `../../fixtures/systemd-sysext/${version}/help.txt`);
  return parseOptions(readFileSync(help, 'utf8'));
}

describe('the arguments of an operation', () => {
  test.each([252, 254, 257, 262])('plain, at %d', (version) => {
    expect(mergeArguments('merge', '/', {}, optionsOf(version))).toEqual(['merge', '--no-pager']);
  });

  test('all of them', () => {
    const options = { force: true, noReload: true, alwaysRefresh: true };
    expect(mergeArguments('refresh', '/mnt', options, optionsOf(262))).toEqual([
      'refresh',
      '--no-pager',
      '--root=/mnt',
      '--force',
      '--no-reload',
      '--always-refresh=yes',
    ]);
  });

  test.each([252, 254])('%d has no --no-reload', (version) => {
    expect(() => mergeArguments('merge', '/', { noReload: true }, optionsOf(version))).toThrow(
      expect.objectContaining({ code: 'usage', details: { next: 'It came with systemd 255.' } }),
    );
  });

  test('257 has --no-reload', () => {
    expect(mergeArguments('unmerge', '/', { noReload: true }, optionsOf(257))).toContain('--no-reload');
  });

  test.each([252, 254, 257])('%d always refreshes without being told', (version) => {
    expect(mergeArguments('refresh', '/', { alwaysRefresh: true }, optionsOf(version))).toEqual([
      'refresh',
      '--no-pager',
    ]);
  });
});
