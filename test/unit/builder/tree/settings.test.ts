import { expect, test } from 'vitest';

import { imageFileName } from '../../../../src/builder/tree/settings.ts';

const parts = { name: 'jq', version: '1.7.1', target: 'trixie', architecture: 'x86-64' } as const;

test('the file name of an image says what it is', () => {
  expect(imageFileName(parts)).toBe('jq-v1.7.1-1-trixie-x86-64.raw');
  expect(imageFileName({ ...parts, revision: '3' })).toBe('jq-v1.7.1-3-trixie-x86-64.raw');
  expect(imageFileName({ ...parts, imageName: 'other' })).toBe('other.raw');
  expect(imageFileName({ ...parts, imageName: 'other.raw.raw' })).toBe('other.raw.raw');
});
