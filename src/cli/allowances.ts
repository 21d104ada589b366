import { basename } from 'node:path';

import { allowableRules, problemOfRule, type Allowance } from '../core/contents/allow.ts';
import { AgentError } from '../core/errors.ts';
import type { Options } from './command.ts';

/**
 * What `--allow` allows.
 * @throws AgentError `usage` on a name that is none of a rule to allow.
 */
export function allowedByOption(options: Options): readonly Allowance[] {
  return options.list('allow').map((rule) => {
    const problem = problemOfRule(rule);
    if (problem === undefined) return { rule, by: '--allow' };
    throw new AgentError('usage', `--allow: ${problem}`, { facts: [`rules: ${allowableRules.join(' ')}`] });
  });
}

/** What a spec allows in the image that was built of it. */
export function allowedBySpec({ allow = [] }: { readonly allow?: readonly string[] }, spec: string): Allowance[] {
  return allow.map((rule) => ({ rule, by: partOfSpec(spec) }));
}

/** Our own part of a spec, as what it allows and asks for is recorded. */
export function partOfSpec(spec: string): string {
  return `x-sysext of ${basename(spec)}`;
}
