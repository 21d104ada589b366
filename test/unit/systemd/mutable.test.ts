import { mkdirSync, writeFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import { confext, sysext } from '../../../src/core/extension-class.ts';
import { mutableBy } from '../../../src/systemd/mutable.ts';
import { temporaryDirectory } from '../../support/archives.ts';

test('what each class is merged so that it can be written to by', () => {
  using root = temporaryDirectory();
  expect([mutableBy(root.path, sysext), mutableBy(root.path, confext)]).toEqual([undefined, undefined]);

  mkdirSync(root.at('etc/systemd'), { recursive: true });
  writeFileSync(root.at('etc/systemd/confext.conf'), '[ConfExt]\nMutable=auto\n');
  expect([mutableBy(root.path, sysext), mutableBy(root.path, confext)]).toEqual([
    undefined,
    root.at('etc/systemd/confext.conf'),
  ]);

  mkdirSync(root.at('var/lib/extensions.mutable/usr'), { recursive: true });
  expect(mutableBy(root.path, sysext)).toBe('/var/lib/extensions.mutable/usr');
  mkdirSync(root.at('var/lib/extensions.mutable/etc'));
  expect(mutableBy(root.path, confext)).toBe('/var/lib/extensions.mutable/etc');
});
