import { mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { removeLeftovers } from '../../../src/host/leftovers.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const now = new Date('2026-01-02T12:00:00Z');
const hoursAgo = (hours: number) => new Date(now.getTime() - hours * 3_600_000);

test('temporary names go when they are a day old, files and directories; nothing else does', () => {
  using directory = temporaryDirectory();
  mkdirSync(directory.at('.#tree/below'), { recursive: true });
  for (const name of ['.#old', '.#young', 'kept']) writeFileSync(directory.at(name), '');
  for (const name of ['.#tree', '.#old', 'kept']) utimesSync(directory.at(name), hoursAgo(25), hoursAgo(25));
  utimesSync(directory.at('.#young'), hoursAgo(23), hoursAgo(23));

  removeLeftovers(directory.path, now);

  expect(readdirSync(directory.path)).toEqual(['.#young', 'kept']);
});

test('a directory that does not exist has none', () => {
  using directory = temporaryDirectory();

  expect(() => {
    removeLeftovers(directory.at('missing'), now);
  }).not.toThrow();
});
