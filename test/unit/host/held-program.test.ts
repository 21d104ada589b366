import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { expect, test } from 'vitest';

import { AgentError } from '../../../src/core/errors.ts';
import { holdProgram } from '../../../src/host/held-program.ts';
import { waitFor } from '../../lab/wait.ts';
import { fileStatus, readTextIfAny } from '../../../src/host/files.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const codeOf = async (work: Promise<unknown>) => {
  const error = await work.catch((thrown: unknown) => thrown);
  return error instanceof AgentError ? error.code : 'none';
};

test('a program is held until it is let go', async () => {
  using directory = temporaryDirectory();
  const pidFile = directory.at('pid');
  const held = await holdProgram('sh', ['-c', `echo $$ >${pidFile}; exec cat`], 10);
  const process = `/proc/${readTextIfAny(pidFile)?.trim() ?? ''}`;
  expect(fileStatus(process)).toBeDefined();

  await held[Symbol.asyncDispose]();
  expect(fileStatus(process)).toBeUndefined();
});

test('it ends with us, however we end', async () => {
  using directory = temporaryDirectory();
  const pidFile = directory.at('pid');
  const module = new URL('../../../src/host/held-program.ts', import.meta.url).href;
  const script = `import { holdProgram } from '${module}';
    await holdProgram('sh', ['-c', 'echo $$ >${pidFile}; exec cat'], 10); process.kill(process.pid, 'SIGKILL');`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'inherit' });
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);

  const held = `/proc/${readTextIfAny(pidFile)?.trim() ?? ''}`;
  expect(held).toMatch(/\d$/);
  await waitFor('its end', () => Promise.resolve(fileStatus(held) === undefined ? true : undefined));
});

test('one that is missing, ends or says nothing is an error', async () => {
  expect(await codeOf(holdProgram('no-such-program', [], 10))).toBe('tool-missing');
  expect(await codeOf(holdProgram('false', [], 10))).toBe('tool-failed');
  expect(await codeOf(holdProgram('sleep', ['60'], 0.2))).toBe('tool-failed');
});
