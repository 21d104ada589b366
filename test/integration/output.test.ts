import { resolve } from 'node:path';

import { execa } from 'execa';
import { expect, test } from 'vitest';

const program = resolve(import.meta.dirname, '../../bin/sysext-agent');

async function shell(script: string) {
  const { exitCode, stdout, stderr } = await execa('bash', ['-c', script, program], { reject: false });
  return { exitCode, stdout, stderr };
}

test('what cannot be written is told, and nothing breaks off', async () => {
  const { exitCode, stderr } = await shell('"$0" completion bash >/dev/full');
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/^sysext-agent: cannot write to standard output: .*\nIt is done; what came of it could not/);
});

test('where nothing can be told, the exit code is right all the same', async () => {
  expect(await shell('"$0" nonsense 2>/dev/full')).toMatchObject({ exitCode: 2, stdout: '' });
});

test('a reader that goes away is no failure', async () => {
  expect(await shell('set -o pipefail; "$0" completion bash | true')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
});
