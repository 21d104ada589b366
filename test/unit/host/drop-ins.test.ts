import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { readDropIns } from '../../../src/host/drop-ins.ts';

describe('drop-in files', () => {
  let etc: string, usr: string, directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'drop-ins-'));
    [etc, usr] = [join(directory, 'etc'), join(directory, 'usr')];
    mkdirSync(etc);
    mkdirSync(usr);
  });

  afterEach(() => {
    rmSync(directory, { recursive: true });
  });

  function texts(): readonly string[] {
    return readDropIns([etc, join(directory, 'missing'), usr], '.yml').map(({ name, text }) => `${name}: ${text}`);
  }

  test('of all directories are sorted by name', () => {
    writeFileSync(join(usr, '20-b.yml'), 'b');
    writeFileSync(join(etc, '30-c.yml'), 'c');
    writeFileSync(join(usr, '10-a.yml'), 'a');
    expect(texts()).toEqual(['10-a.yml: a', '20-b.yml: b', '30-c.yml: c']);
    expect(readDropIns([usr], '.yml')[0]?.path).toBe(join(usr, '10-a.yml'));
  });

  test('replace those of the same name in a later directory', () => {
    writeFileSync(join(usr, 'a.yml'), 'vendor');
    writeFileSync(join(etc, 'a.yml'), 'admin');
    expect(texts()).toEqual(['a.yml: admin']);
  });

  test('mask when they are empty or lead to /dev/null', () => {
    for (const name of ['a.yml', 'b.yml', 'c.yml']) writeFileSync(join(usr, name), 'vendor');
    writeFileSync(join(etc, 'a.yml'), '');
    symlinkSync('/dev/null', join(etc, 'b.yml'));
    expect(texts()).toEqual(['c.yml: vendor']);
  });

  test('are not what is hidden, left behind, a directory, or gone', () => {
    for (const name of ['.a.yml', 'a.yml~', 'a.yml.dpkg-old', 'README']) writeFileSync(join(usr, name), 'x');
    mkdirSync(join(etc, 'd.yml'));
    symlinkSync('nowhere', join(etc, 'e.yml'));
    for (const name of ['d.yml', 'e.yml']) writeFileSync(join(usr, name), 'vendor');
    expect(texts()).toEqual(['d.yml: vendor', 'e.yml: vendor']);
  });
});
