import { cpSync, linkSync, mkdirSync, writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { isActive } from '../../../src/agent/stored-image.ts';
import { temporaryDirectory } from '../../support/archives.ts';

test('a raw image is active where the entry is the same file, and not where it only has the same bytes', () => {
  using directory = temporaryDirectory();
  writeFileSync(directory.at('stored.raw'), 'image');
  linkSync(directory.at('stored.raw'), directory.at('link.raw'));
  writeFileSync(directory.at('copy.raw'), 'image');
  const image = { kind: 'raw', path: directory.at('stored.raw') } as const;

  expect(isActive(directory.at('link.raw'), image)).toBe(true);
  expect(isActive(directory.at('copy.raw'), image)).toBe(false);
  expect(isActive(directory.at('missing.raw'), image)).toBe(false);
  expect(isActive(directory.at('missing.raw'), { ...image, path: directory.at('gone.raw') })).toBe(false);
});

test('a directory is active where its release file is the same file', () => {
  using directory = temporaryDirectory();
  const release = 'usr/lib/extension-release.d/extension-release.jq';
  for (const name of ['stored', 'linked'])
    mkdirSync(directory.at(`${name}/usr/lib/extension-release.d`), { recursive: true });
  writeFileSync(directory.at(`stored/${release}`), 'ID=_any\n');
  linkSync(directory.at(`stored/${release}`), directory.at(`linked/${release}`));
  cpSync(directory.at('stored'), directory.at('copy'), { recursive: true });
  const image = { kind: 'directory', path: directory.at('stored') } as const;

  expect(isActive(directory.at('linked'), image)).toBe(true);
  expect(isActive(directory.at('copy'), image)).toBe(false);
  expect(isActive(directory.at('missing'), image)).toBe(false);
});
