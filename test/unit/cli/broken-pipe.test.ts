import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

import { expect, test } from 'vitest';

const program = resolve(import.meta.dirname, '../../../src/cli/main.ts');

test('who stops reading, as head(1) does, does not end a command', async () => {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, 'completion', 'bash'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  child.stdout.destroy();
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (said += piece));
  const [exitCode] = (await once(child, 'close')) as [number | null];

  expect({ exitCode, said }).toEqual({ exitCode: 0, said: '' });
});
