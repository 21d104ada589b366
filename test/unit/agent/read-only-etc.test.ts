import { describe, expect, test } from 'vitest';

import { nothingToSettle } from '../../../src/agent/effects/steps.ts';
import type { Plan, PlanStep } from '../../../src/agent/plan.ts';
import { overReadOnlyEtc, withReadOnlyEtc } from '../../../src/agent/read-only-etc.ts';
import { AgentError } from '../../../src/core/errors.ts';

const reason = 'asked';
const merge: PlanStep = { kind: 'merge', verb: 'refresh', options: {}, reason };

function planOf(...steps: readonly PlanStep[]): Plan {
  const none = { verdicts: [], quarantined: [], warnings: [], refusals: [] };
  return { steps, extensions: [], settlement: nothingToSettle, refused: new Map(), ...none };
}

function judged(made: Plan, keepers: readonly string[] = ['a']): Plan {
  return withReadOnlyEtc(made, keepers, ({ kind }) => kind);
}

describe('a plan while confexts are merged', () => {
  test('stays as it is where /etc can be written to, or nothing is written there', () => {
    const writing = planOf({ kind: 'enable', unit: 'x.service', reason });
    expect(judged(writing, [])).toBe(writing);
    const mask = { name: 'b', at: '/run/extensions/b' };
    const elsewhere = planOf({ kind: 'mask', mask, reason }, { kind: 'tmpfiles', files: ['/x.conf'], reason }, merge);
    expect(judged(elsewhere)).toEqual(elsewhere);
  });

  test.each<PlanStep>([
    { kind: 'enable', unit: 'x.service', reason },
    { kind: 'sysusers', files: ['/x.conf'], reason },
    { kind: 'take-back', copies: [{ to: '/etc/x', kind: 'file' }], reason },
    { kind: 'mask', mask: { name: 'b', at: '/etc/extensions/b' }, reason },
    { kind: 'unmask', mask: { name: 'b', at: '/etc/extensions/b' }, reason },
  ])('is refused where it must write there: $kind', (step) => {
    const [refusal, ...others] = judged(planOf(merge, step), ['a', 'b']).refusals;
    expect(others).toEqual([]);
    expect(refusal).toMatchObject({
      code: 'read-only',
      message: '/etc is read-only, since the confexts a, b are merged, and this has to write there',
      details: { facts: [step.kind], left: 'Nothing was changed.' },
    });
  });

  test('is refused where tmpfiles make copies in /etc, as what takes them back says', () => {
    const takeBack = { kind: 'take-back', copies: [{ to: '/etc/x', kind: 'file' }], reason } as const;
    const made = planOf({ kind: 'tmpfiles', files: ['/x.conf'], reason });
    expect(judged({ ...made, settlement: { before: [], after: [takeBack] } }).refusals).toHaveLength(1);
  });

  test('goes without accounts where the set of extensions stays, and says so', () => {
    const made = planOf(merge, { kind: 'sysusers', files: ['/x.conf'], reason });
    const { steps, warnings, refusals } = judged({ ...made, extensions: undefined });
    expect([steps, refusals, warnings]).toEqual([[merge], [], [expect.stringMatching(/^sysusers is left out: /)]]);
  });

  test('goes without caches, and says so', () => {
    const { steps, warnings, refusals } = judged(planOf(merge, { kind: 'ldconfig', reason }));
    expect([steps, refusals]).toEqual([[merge], []]);
    expect(warnings).toEqual([
      expect.stringMatching(/^ldconfig is left out: \/etc is read-only, since the confext a is merged\. Have confexts/),
    ]);
  });
});

describe('an error', () => {
  const failed = new AgentError('tool-failed', 'systemd-tmpfiles failed', {
    facts: ['Failed to create file /etc/x: Read-only file system'],
  });

  test('over a read-only /etc says why it is', () => {
    expect(overReadOnlyEtc(failed, ['a'])).toMatchObject({
      message: 'systemd-tmpfiles failed',
      details: { facts: [expect.anything(), '/etc is read-only, since the confext a is merged'] },
    });
  });

  test('over anything else stays what it is', () => {
    const other = new AgentError('tool-failed', 'cannot write /var/x: the file system is read-only');
    expect([overReadOnlyEtc(failed, []), overReadOnlyEtc(other, ['a'])]).toEqual([failed, other]);
  });
});
