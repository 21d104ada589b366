import { expect, test } from 'vitest';

import { runSteps, type Step } from '../../../src/agent/steps.ts';
import { AgentError } from '../../../src/core/errors.ts';

function recording(log: string[], name: string, more: Partial<Step> = {}): Step {
  return {
    description: name,
    do: () => void log.push(`do ${name}`),
    undo: () => void log.push(`undo ${name}`),
    ...more,
  };
}

function failing(message: string): Partial<Step> {
  return {
    do: () => {
      throw new AgentError('io', message);
    },
  };
}

test('all steps are done in order', async () => {
  const log: string[] = [];

  await runSteps([recording(log, 'a'), recording(log, 'b')]);

  expect(log).toEqual(['do a', 'do b']);
});

test('a failure undoes what was done, in reverse, and says so', async () => {
  const log: string[] = [];

  const outcome = runSteps([recording(log, 'a'), recording(log, 'b'), recording(log, 'c', failing('no'))]);

  await expect(outcome).rejects.toMatchObject({ message: 'no', details: { left: 'Everything is as it was before.' } });
  expect(log).toEqual(['do a', 'do b', 'undo b', 'undo a']);
});

test('a step that can fail half-way is undone as well', async () => {
  const log: string[] = [];
  const half = recording(log, 'b', { ...failing('no'), halves: true });

  await expect(runSteps([recording(log, 'a'), half])).rejects.toMatchObject({ message: 'no' });
  expect(log).toEqual(['do a', 'undo b', 'undo a']);
});

test('where nothing was done that must be undone, nothing was changed', async () => {
  const outcome = runSteps([{ description: 'look', do: () => undefined }, recording([], 'b', failing('no'))]);

  await expect(outcome).rejects.toMatchObject({ details: { left: 'Nothing was changed.' } });
});

test('why an undo failed is told below that', async () => {
  const stuck = recording([], 'a', {
    undo: () => {
      throw new AgentError('read-only', 'the file system is read-only', { facts: ['/etc/passwd'] });
    },
  });

  await expect(runSteps([stuck, recording([], 'b', failing('no'))])).rejects.toMatchObject({
    details: { facts: ['could not undo "a": the file system is read-only', '  /etc/passwd'] },
  });
});

test('an undo that fails does not stop the others, and is told', async () => {
  const log: string[] = [];
  const stuck = recording(log, 'b', {
    undo: () => {
      throw new Error('stuck');
    },
  });

  const outcome = runSteps([recording(log, 'a'), stuck, recording(log, 'c', failing('no'))]);

  await expect(outcome).rejects.toMatchObject({ details: { facts: ['could not undo "b": stuck'] } });
  expect(log).toEqual(['do a', 'do b', 'undo a']);
});

test('an interruption during the last step undoes that one too', async () => {
  const log: string[] = [];
  const interruption = new AbortController();
  const interrupting = recording(log, 'a', {
    do: () => {
      log.push('do a');
      interruption.abort();
    },
  });

  await expect(runSteps([interrupting], interruption.signal)).rejects.toMatchObject({ code: 'interrupted' });
  expect(log).toEqual(['do a', 'undo a']);
});

test('an interruption takes effect before the next step', async () => {
  const log: string[] = [];
  const interruption = new AbortController();
  const interrupting = recording(log, 'a', {
    do: () => {
      log.push('do a');
      interruption.abort();
    },
  });

  const outcome = runSteps([interrupting, recording(log, 'b')], interruption.signal);

  await expect(outcome).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 });
  expect(log).toEqual(['do a', 'undo a']);
});
