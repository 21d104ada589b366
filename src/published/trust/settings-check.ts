import { ruleFor, type TrustRule } from '../../core/trust-rules.ts';
import type { Claim } from './claim.ts';
import type { KeyRing } from './key-ring.ts';
import { keysOf } from './rule-keys.ts';

/** What the settings say of trust, and the keys that there are. */
export interface TrustSettings {
  readonly rules: readonly TrustRule[];
  readonly keys: KeyRing;
}

/** What will keep images of an extension from being taken from a place, as far as the settings tell. */
export function trustProblems({ rules, keys }: TrustSettings, of: Pick<Claim, 'place' | 'name'>): readonly string[] {
  const rule = ruleFor(rules, of);
  if (rule === undefined) return [`nobody is trusted to publish it at ${of.place}: see \`trust\` in agent.yml`];
  const { kinds, unusable } = keysOf(rule, keys);
  const none = rule.keys !== undefined && kinds.size === 0;
  return [...unusable, ...(none ? [`there is no key that could vouch for it at ${of.place}`] : [])];
}
