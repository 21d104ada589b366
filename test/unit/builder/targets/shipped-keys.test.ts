import { join } from 'node:path';

import { expect, test } from 'vitest';

import { readKeyFiles, readKeys } from '../../../../src/host/openpgp.ts';
import { loadTargets } from '../../../../src/builder/targets/load.ts';

test('the shipped keys of rpm targets are keys that can be read', async () => {
  const openpgp = await import('openpgp');
  const targets = loadTargets([join(import.meta.dirname, '../../../../targets')]);
  const repositories = targets.flatMap((target) => target.repositories).filter(({ family }) => family === 'rpm');
  const paths = repositories.flatMap((repository) => repository.keys.map(String));
  const shipped = [...new Set(paths)].filter((path) => !path.startsWith('/etc/'));
  const keys = await readKeyFiles(openpgp, readKeys(shipped));
  expect(keys.length).toBeGreaterThanOrEqual(7);
  for (const key of keys) expect(key.getAlgorithmInfo().algorithm).toMatch(/^rsa/);
});
