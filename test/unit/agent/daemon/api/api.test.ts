import { describe, expect, test } from 'vitest';

import { argumentLimits, countIn, nameIn, requestOf } from '../../../../../src/agent/daemon/api/arguments.ts';
import { refusalOf } from '../../../../../src/agent/daemon/api/authority.ts';
import { Jobs, jobLimits, type Job } from '../../../../../src/agent/daemon/api/jobs.ts';
import { Reads, waitingReads } from '../../../../../src/agent/daemon/api/reads.ts';
import { errorNameOf, toldError } from '../../../../../src/agent/daemon/api/told.ts';
import { isTrusted } from '../../../../../src/agent/daemon/api/trusted-path.ts';
import { AgentError } from '../../../../../src/core/errors.ts';
import { Variant } from '../../../../../src/systemd/bus/values.ts';

describe('arguments', () => {
  const reason = (value: unknown, signature = 's') => ({ reason: new Variant(signature, value) });

  test('say what is to be done', () => {
    expect(requestOf('Install', [['/srv/a.raw'], reason('why')])).toEqual({
      method: 'Install',
      names: ['/srv/a.raw'],
      number: 0,
      reason: 'why',
    });
    expect(requestOf('Rollback', [7])).toEqual({ method: 'Rollback', names: [], number: 7 });
    expect(requestOf('Upgrade', [[]])).toEqual({ method: 'Upgrade', names: [], number: 0 });
    expect(countIn(4_000_000_000)).toBe(argumentLimits.history);
  });

  test.each([
    ['no names', 'Remove', [[]]],
    ['too many names', 'Remove', [Array.from({ length: argumentLimits.names + 1 }, () => 'a')]],
    ['a long name', 'Hold', [['a'.repeat(argumentLimits.name + 1)]]],
    ['a relative path', 'Install', [['a.raw'], {}]],
    ['a path with ..', 'Install', [['/srv/../a.raw'], {}]],
    ['a long path', 'Install', [[`/${'a'.repeat(argumentLimits.path)}`], {}]],
    ['a long reason', 'Install', [['/a.raw'], reason('a'.repeat(argumentLimits.reason + 1))]],
    ['a reason that is no text', 'Install', [['/a.raw'], reason(7, 'u')]],
    ['an unknown option', 'Install', [['/a.raw'], { force: new Variant('b', true) }]],
  ])('with %s are refused', (_, method, body) => {
    expect(() => requestOf(method, body)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  test('of a question have limits, too', () => {
    expect(() => nameIn('a'.repeat(1 << 20))).toThrow('a name has at most 255 characters, not 1048576');
  });
});

describe('an error', () => {
  test('has the name of its code', () => {
    expect(errorNameOf('no-such-extension')).toBe('io.github.SysextAgent1.Error.NoSuchExtension');
    expect(errorNameOf('io')).toBe('io.github.SysextAgent1.Error.Io');
  });

  test('says what failed and what to do next, in what D-Bus can carry', () => {
    const error = new AgentError('busy', 'a\0b\u001b[2J\ud800', { left: 'Nothing was changed.', next: 'Wait.' });

    expect(toldError(error)).toEqual({
      name: 'io.github.SysextAgent1.Error.Busy',
      message: 'a b [2J�\nNothing was changed.\nWait.',
    });
    expect(toldError(new TypeError('x')).name).toBe('io.github.SysextAgent1.Error.Internal');
  });
});

test.each([
  ['denied', /^polkit does not let this user take the action io\.github\.SysextAgent1\.install$/],
  ['to-be-asked', /only with a password/],
  ['no-polkit', /^only root may .*: polkit does not run on this host$/],
] as const)('where polkit says %s the action is refused', (permission, message) => {
  expect(refusalOf(permission, 'install')).toMatchObject({
    code: 'access-denied',
    message: expect.stringMatching(message),
  });
});

test('what polkit grants is not refused', () => {
  expect(refusalOf('granted', 'install')).toBeUndefined();
});

test.each([
  ['file', 0, 0o644, true, true],
  ['file', 1000, 0o644, true, false],
  ['file', 0, 0o664, true, false],
  ['file', 0, 0o646, true, false],
  ['file', 0, 0o600, true, false],
  ['other', 0, 0o777, true, false],
  ['none', 0, 0, true, false],
  ['directory', 0, 0o755, true, false],
  ['directory', 0, 0o755, false, true],
  ['directory', 0, 0o1777, false, false],
  ['directory', 0, 0o700, false, false],
  ['directory', 1000, 0o755, false, false],
] as const)('a %s of %d with mode %o, last: %s, is taken for others: %s', (kind, uid, mode, isLast, expected) => {
  expect(isTrusted({ kind, uid, mode }, isLast)).toBe(expected);
});

describe('jobs', () => {
  function jobs() {
    const [ended, forgotten]: [Job[], Job[]] = [[], []];
    const waiting: PromiseWithResolvers<never>[] = [];
    const all = new Jobs({
      begun: () => undefined,
      changed: () => undefined,
      ended: (job) => ended.push(job),
      forgotten: (job) => forgotten.push(job),
    });
    const loop = {
      submit: () => {
        const task = Promise.withResolvers<never>();
        waiting.push(task);
        const cancel = () => {
          task.reject(new AgentError('interrupted', 'cancelled'));
        };
        return { result: task.promise, cancel };
      },
    };
    const add = (uid: number) => all.add(loop, { verb: 'remove', names: ['a'], uid }, () => Promise.resolve());
    return { all, add, ended, forgotten };
  }

  test('of one user leave room for others, and for root', () => {
    const { add } = jobs();
    for (let count = 0; count < jobLimits.ofOneUser; count++) add(1000);

    expect(() => add(1000)).toThrow(expect.objectContaining({ code: 'busy' }));
    const left = jobLimits.open - jobLimits.ofOneUser;
    for (let count = 0; count < left; count++) add(0);
    expect(() => add(0)).toThrow(expect.objectContaining({ code: 'busy' }));
  });

  test('tell how far what they fetch is, until they are at something else', async () => {
    const { all, add } = jobs();
    const begin = Promise.withResolvers<never>();
    const running = all.add(
      {
        submit: (_, work) => {
          void Promise.resolve().then(() => work(new AbortController().signal));
          return { result: begin.promise, cancel: () => undefined };
        },
      },
      { verb: 'install', names: ['a'], uid: 0 },
      () => Promise.resolve(),
    );
    add(0);
    await Promise.resolve();

    all.progress('fetching a');
    all.transfer('52%');
    expect(all.at(running.path)).toMatchObject({ progress: 'fetching a', transfer: '52%' });
    all.progress('unpacking a');
    expect(all.at(running.path)).toMatchObject({ progress: 'unpacking a', transfer: '' });
    expect(all.all()[1]).toMatchObject({ state: 'queued', progress: '', transfer: '' });
  });

  test('that ended can be read, until others have', async () => {
    const { all, add, ended, forgotten } = jobs();
    for (let count = 0; count <= jobLimits.ended; count++) {
      all.cancel(add(0).id);
      await Promise.resolve();
      await Promise.resolve();
    }

    expect(ended).toHaveLength(jobLimits.ended + 1);
    expect(all.at('/io/github/SysextAgent1/job/1')).toBeUndefined();
    expect(forgotten.map(({ id }) => id)).toEqual([1]);
    expect(all.at('/io/github/SysextAgent1/job/2')).toMatchObject({ state: 'cancelled', names: ['a'] });
  });
});

test('what many ask at the same time is looked at once for those that wait', async () => {
  const reads = new Reads();
  let looks = 0;
  const look = () => Promise.resolve(++looks);
  const answers = await Promise.all(Array.from({ length: 200 }, () => reads.ask('List', look)));

  expect(answers).toEqual(Array.from({ length: 200 }, () => 1));
  expect(await reads.ask('List', look)).toBe(2);

  const questions = Array.from({ length: waitingReads + 1 }, (_, index) => reads.ask(`Explain ${index}`, look));
  const outcomes = await Promise.allSettled(questions);
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(1);
});
