import { expect, test } from 'vitest';

import { createExec } from '../../../src/host/exec.ts';
import { runLimited, runLimitedOk } from '../../../src/systemd/limited.ts';

const exec = createExec({});
const sh = (script: string, fine?: readonly number[]) => runLimitedOk(exec, 60, 'sh', ['-c', script], fine);

test('a program that fails is told with the end of what it said', async () => {
  await expect(sh('echo why >&2; exit 3')).rejects.toMatchObject({
    code: 'tool-failed',
    message: 'sh failed with exit code 3',
    details: { facts: ['why'] },
  });
  await expect(sh('exit 3', [3])).resolves.toBeUndefined();
});

test('one that cannot write since the file system is read-only is told so', async () => {
  const said = 'Failed to take /etc/passwd lock: Read-only file system';

  await expect(sh(`echo '${said}' >&2; exit 1`)).rejects.toMatchObject({
    code: 'read-only',
    message: 'sh failed: the file system is read-only',
    details: { facts: [said] },
  });
});

test('one that takes too long is ended, and what it said is told', async () => {
  await expect(runLimited(exec, 1, 'sh', ['-c', 'echo waiting >&2; exec sleep 1000'])).rejects.toMatchObject({
    code: 'tool-failed',
    message: 'sh was not done after 1 s, and was ended',
    details: { facts: ['waiting'] },
  });
});
