import { problemOfRule } from '../../core/contents/allow.ts';
import type { Problem } from '../../core/problems.ts';
import { itemPath } from '../../core/yaml/text.ts';
import type { Spec } from './spec.ts';

/** What `x-sysext.allow` names and nobody can allow: a name that does nothing would be taken for one that does. */
export function ruleProblems({ allow }: Spec): readonly Problem[] {
  return allow.flatMap(({ value, position }, index) => {
    const message = problemOfRule(value);
    return message === undefined ? [] : [{ position, field: itemPath('x-sysext.allow', index), message }];
  });
}
