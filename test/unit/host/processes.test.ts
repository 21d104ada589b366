import { spawn } from 'node:child_process';
import { once } from 'node:events';

import { expect, test } from 'vitest';

import { isRunning, originOf, processMark } from '../../../src/host/processes.ts';

test('a process is told from its mark as long as it runs, and from a later one with its number', async () => {
  const child = spawn('cat', { stdio: ['pipe', 'ignore', 'ignore'] });
  const mark = processMark(child.pid ?? 0);

  expect(mark).toEqual({ pid: child.pid, startedAt: expect.stringMatching(/^\d+$/) });
  expect(mark && isRunning(mark)).toBe(true);
  expect(isRunning({ pid: child.pid ?? 0, startedAt: '1' })).toBe(false);

  child.stdin.end();
  await once(child, 'exit');
  expect(mark && isRunning(mark)).toBe(false);
  expect(processMark(child.pid ?? 0)).toBeUndefined();
});

test('a fork of a program stands for the process it came from, another program for itself', async () => {
  // What bash runs in the background has no standard input of its own, and would end at once.
  const script = 'exec 3<&0; (echo $BASHPID; read line <&3) & echo $$; wait';
  const shell = spawn('bash', ['-c', script], { stdio: ['pipe', 'pipe', 'ignore'] });
  let said = '';
  while (said.trim().split('\n').length < 2) said += String((await once(shell.stdout, 'data'))[0]);
  const pids = said.trim().split('\n').map(Number);
  const fork = pids.find((pid) => pid !== shell.pid) ?? 0;

  expect(originOf(fork)).toBe(shell.pid);
  expect(originOf(shell.pid ?? 0)).toBe(shell.pid);

  shell.stdin.end();
  shell.kill();
  await once(shell, 'exit');
});

test('what is no process has no mark', () => {
  expect(processMark(0x7fff_ffff)).toBeUndefined();
  expect(originOf(0x7fff_ffff)).toBe(0x7fff_ffff);
});
