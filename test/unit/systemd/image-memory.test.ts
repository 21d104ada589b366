import { statSync, writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { systemdVersion } from '../../../src/core/systemd-version.ts';
import { createExec } from '../../../src/host/exec.ts';
import { identityOf, recallFacts, rememberFacts } from '../../../src/systemd/image-memory.ts';
import type { ImageFacts } from '../../../src/systemd/image.ts';
import type { FoundImage } from '../../../src/systemd/search.ts';
import { judgeAll } from '../../../src/systemd/verdicts.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const host = {
  title: 'this host',
  scope: 'system',
  fields: { ID: 'test' },
  architecture: 'x86-64',
  systemd: systemdVersion(257),
} as const;
const facts: ImageFacts = {
  format: 'erofs',
  releaseFiles: [{ name: 'extension-release.a', regular: true, text: 'ID=_any\n' }],
  hasOsRelease: false,
  hierarchies: ['usr'],
};

function imageAt(realPath: string): FoundImage {
  return { name: 'a', kind: 'raw', path: '/var/lib/extensions/a.raw', realPath };
}

/** Long after whatever the test writes. */
const later = new Date(Date.now() + 60_000);

test('an image that has not changed since is not read again; one that was written to is', async () => {
  using directory = temporaryDirectory();
  const image = imageAt(directory.at('a.raw'));
  const memory = { path: directory.at('run/images.json'), now: later };
  const outcome = async () => (await judgeAll([image], host, createExec({}), memory))[0]?.verdict.outcome;
  writeFileSync(image.realPath, 'no image');
  rememberFacts(memory, new Map([[identityOf(image, later) ?? '', facts]]));

  expect(await outcome()).toBe('merges');

  const { ctimeMs } = statSync(image.realPath);
  while (statSync(image.realPath).ctimeMs === ctimeMs) writeFileSync(image.realPath, 'no image');
  expect(await outcome()).toBe('stops');
});

test('nothing is remembered of what was written just now, and of directories', () => {
  using directory = temporaryDirectory();
  const image = imageAt(directory.at('a.raw'));
  writeFileSync(image.realPath, 'x');

  expect(identityOf(image, later)).toMatch(/^\d+ \d+ 1 /);
  expect(identityOf(image, new Date(statSync(image.realPath).ctimeMs + 1000))).toBeUndefined();
  expect(identityOf({ ...image, kind: 'directory', realPath: directory.path }, later)).toBeUndefined();
  expect(identityOf(imageAt(directory.at('gone.raw')), later)).toBeUndefined();
});

test('facts come back as they were, but for long ones', () => {
  using directory = temporaryDirectory();
  const memory = { path: directory.at('run/images.json'), now: later };
  const long = { ...facts, releaseFiles: [{ name: 'extension-release.a', regular: true, text: 'x'.repeat(20_000) }] };

  expect(recallFacts(memory)).toEqual(new Map());
  rememberFacts(memory, new Map([...Object.entries({ short: facts, long })]));
  expect(recallFacts(memory)).toEqual(new Map([['short', facts]]));
});

test.each(['', '{"format":1,"fac', '{"format":0,"facts":{"a":{}}}', 'null', '[]', '{"format":1}'])(
  'a memory that says %j is none, and the next is good again',
  (text) => {
    using directory = temporaryDirectory();
    const memory = { path: directory.at('images.json'), now: later };
    writeFileSync(memory.path, text);

    expect(recallFacts(memory)).toEqual(new Map());
    rememberFacts(memory, new Map([['short', facts]]));
    expect(recallFacts(memory).size).toBe(1);
  },
);

test('where it cannot be written nothing fails', () => {
  using directory = temporaryDirectory();
  writeFileSync(directory.at('run'), 'a file');

  expect(() => {
    rememberFacts({ path: directory.at('run/images.json'), now: later }, new Map([['short', facts]]));
  }).not.toThrow();
});
