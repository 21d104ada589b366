import { expect, test } from 'vitest';

import { fileStatus, makeDirectory } from '../../../src/host/files.ts';
import { inTemporaryDirectory } from '../../../src/systemd/image-tree.ts';

test('a temporary directory is there while it is used, and gone after', async () => {
  const directory = await inTemporaryDirectory((path) => {
    makeDirectory(`${path}/tree/usr`);
    expect(fileStatus(path)?.mode.toString(8)).toBe('40700');
    return Promise.resolve(path);
  });
  expect(fileStatus(directory)).toBeUndefined();
});

test('it is gone after a failure too', async () => {
  const used: string[] = [];
  const failing = inTemporaryDirectory((path) => {
    used.push(path);
    return Promise.reject(new Error('stop'));
  });
  await expect(failing).rejects.toThrow('stop');
  expect(used.map((path) => fileStatus(path))).toEqual([undefined]);
});
