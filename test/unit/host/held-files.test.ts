import { openSync, closeSync, writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { heldFiles, mappings, mountIdOf, mountOf, mountsOf } from '../../../src/host/held-files.ts';
import { temporaryDirectory } from '../../support/archives.ts';

test('each file that is mapped is told once, by the first range that it is mapped at', () => {
  const maps = [
    '55d0e8a00000-55d0e8a02000 r--p 00000000 00:4f 1234                       /usr/bin/nap',
    '55d0e8a02000-55d0e8a06000 r-xp 00002000 00:4f 1234                       /usr/bin/nap',
    '00400000-00401000 r-xp 00000000 fe:00 99                       /opt/a b (deleted)',
    '7ffd3e5c0000-7ffd3e5e1000 rw-p 00000000 00:00 0                          [stack]',
    '7f0000000000-7f0000001000 rw-p 00000000 00:00 0',
    '',
  ].join('\n');

  expect(mappings(maps)).toEqual([
    { range: '55d0e8a00000-55d0e8a02000', path: '/usr/bin/nap', device: '0:79' },
    { range: '400000-401000', path: '/opt/a b (deleted)', device: '254:0' },
  ]);
});

test('a line of mountinfo is read with whatever optional fields it has', () => {
  const line = (fields: string) => `308 286 0:79 / /usr ro,nodev${fields} - overlay sysext ro,lowerdir=a`;
  const mount = { id: 308, device: '0:79', type: 'overlay', source: 'sysext' };

  expect([line(''), line(' shared:1 master:2')].map(mountOf)).toEqual([mount, mount]);
  expect(mountOf('')).toBeUndefined();
});

test('a process is seen with its program, its directory and what it has open, each in a mount of its own namespace', () => {
  using work = temporaryDirectory();
  writeFileSync(work.at('file'), '');
  const descriptor = openSync(work.at('file'), 'r');
  const held = heldFiles(process.pid) ?? [];
  const mounts = mountsOf(process.pid).map(({ id }) => id);
  closeSync(descriptor);

  expect(held).toContainEqual(expect.objectContaining({ use: 'program', path: process.execPath }));
  expect(held).toContainEqual(expect.objectContaining({ use: 'directory', path: process.cwd() }));
  expect(held).toContainEqual(expect.objectContaining({ use: 'open', path: work.at('file') }));
  const [program] = held;
  expect(mounts).toContain(program && mountIdOf(program));
  expect(heldFiles(2 ** 30)).toEqual([]);
});
