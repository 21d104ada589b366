import { expect, test } from 'vitest';

import { allowableRules, judgeFindings, problemOfRule } from '../../../../src/core/contents/allow.ts';
import type { Finding, Severity } from '../../../../src/core/contents/finding.ts';

function finding(rule: string, severity: Severity): Finding {
  return { rule, severity, paths: [], message: rule, remedy: '' };
}

const findings = [
  finding('device', 'refuse'),
  finding('host-libc', 'refuse'),
  finding('setuid', 'ask'),
  finding('polkit', 'ask'),
  finding('shadowed-file', 'tell'),
  finding('prefix', 'tell'),
];

const rulesOf = (some: readonly Finding[]) => some.map(({ rule }) => rule);

test('without an allowance, what is refused or asked for is refused, and the rest is told', () => {
  const { refused, allowed, told } = judgeFindings(findings, []);

  expect([rulesOf(refused), allowed, rulesOf(told)]).toEqual([
    ['device', 'host-libc', 'setuid', 'polkit'],
    [],
    ['shadowed-file', 'prefix'],
  ]);
});

test('the first allowance of a rule counts, and what must never be is refused all the same', () => {
  const allowances = ['device', 'host-libc', 'setuid', 'prefix'].map((rule) => ({ rule, by: '--allow' }));

  const { refused, allowed, told } = judgeFindings(findings, [...allowances, { rule: 'setuid', by: 'agent.yml' }]);

  expect(rulesOf(refused)).toEqual(['device', 'polkit']);
  expect(allowed.map(({ finding: { rule }, by }) => [rule, by])).toEqual([
    ['host-libc', '--allow'],
    ['setuid', '--allow'],
    ['prefix', '--allow'],
  ]);
  expect(rulesOf(told)).toEqual(['shadowed-file']);
});

test('a rule is known by its name', () => {
  expect(allowableRules.map(problemOfRule).filter((problem) => problem !== undefined)).toEqual([]);
  expect(problemOfRule('setiud')).toBe('there is no rule "setiud", did you mean "setuid"?');
  expect(problemOfRule('nothing like it')).toBe('there is no rule "nothing like it"');
  expect(problemOfRule('device')).toMatch(/^"device" cannot be allowed/);
});
