import { checked, list, string, type Decoder } from '../yaml/decoder.ts';
import { nearestName, quote } from '../yaml/text.ts';
import type { Finding } from './finding.ts';
import { linkRules } from './link-rules.ts';
import type { Rule } from './rule.ts';
import { contentsRules } from './rules.ts';

/** That what a rule finds is allowed, and by what: a file, a spec, an option. */
export interface Allowance {
  readonly rule: string;
  readonly by: string;
}

/** What a rule found and someone allowed. */
export interface AllowedFinding {
  readonly finding: Finding;
  readonly by: string;
}

export interface Judgement {
  /** What must not be merged: never, or not without being allowed. */
  readonly refused: readonly Finding[];
  readonly allowed: readonly AllowedFinding[];
  readonly told: readonly Finding[];
}

/** Every rule there is, about files and about what programs need. */
export const allRules: readonly Pick<Rule, 'id' | 'severity' | 'allowable'>[] = [...contentsRules, ...linkRules];

/** Every rule that may be allowed by its name. */
export const allowableRules: readonly string[] = allRules.filter((rule) => rule.allowable).map(({ id }) => id);

const otherRules: readonly string[] = allRules.filter((rule) => !rule.allowable).map(({ id }) => id);

/** What is wrong with a name as that of a rule to allow, or undefined. */
export function problemOfRule(name: string): string | undefined {
  if (allowableRules.includes(name)) return undefined;
  if (otherRules.includes(name))
    return `${quote(name)} cannot be allowed: no image that it finds can be merged soundly`;
  const nearest = nearestName(name, allowableRules);
  return `there is no rule ${quote(name)}${nearest === undefined ? '' : `, did you mean ${quote(nearest)}?`}`;
}

/** Reads a list of rules to allow: `[setuid, polkit]`. */
export const allowList: Decoder<readonly string[]> = list(checked(string, problemOfRule));

/** Sorts findings by what is to be done about them. What is only told is not told where it is allowed. */
export function judgeFindings(findings: readonly Finding[], allowances: readonly Allowance[]): Judgement {
  const judged = findings.map((finding) => ({ finding, by: allowanceFor(finding, allowances) }));
  const rest = judged.filter(({ by }) => by === undefined).map(({ finding }) => finding);
  return {
    refused: rest.filter(({ severity }) => severity !== 'tell'),
    allowed: judged.flatMap(({ finding, by }) => (by === undefined ? [] : [{ finding, by }])),
    told: rest.filter(({ severity }) => severity === 'tell'),
  };
}

function allowanceFor({ rule }: Finding, allowances: readonly Allowance[]): string | undefined {
  return otherRules.includes(rule) ? undefined : allowances.find((allowance) => allowance.rule === rule)?.by;
}
