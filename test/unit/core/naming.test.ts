import { expect, test } from 'vitest';

import { identifyImage } from '../../../src/core/naming.ts';

test.each([
  ['my-sysext-v0.1.0-1-trixie-x86-64', ['my-sysext'], 'my-sysext', '0.1.0-1'],
  ['go-md2man-v2.0.3-1-noble-arm64', ['go-md2man'], 'go-md2man', '2.0.3-1'],
  ['foo_1.2_x86-64', ['foo'], 'foo', '1.2'],
  ['foo-1.2', ['foo'], 'foo', '1.2'],
  ['foo', ['foo'], 'foo', ''],
  ['mytool', ['my'], 'mytool', ''],
  ['foo-bar', ['foo', 'foo-bar'], 'foo-bar', ''],
  ['alone', [], 'alone', ''],
])('%s with release files of %j is %s %s', (stem, names, name, version) => {
  const files = names.map((each) => `extension-release.${each}`);

  expect(identifyImage(stem, files)).toEqual({ name, version });
});
