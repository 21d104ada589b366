import { checked, located, string, type Decoder } from '../../core/yaml/decoder.ts';
import { quote } from '../../core/yaml/text.ts';
import type { Text } from './sources.ts';
import { parseVersionConstraint } from './version-constraint.ts';

/** Says what is wrong with a text whose build arguments are expanded; undefined where nothing is. */
export type Rule = (text: string) => string | undefined;

/** Whether expanding build arguments could change a text, or fail on it. */
export function isExpandable(text: string): boolean {
  return /[$'"\\]/.test(text);
}

/** Text that `rule` judges now where nothing in it is to be expanded, and else when that is done. */
export function ruledText(rule: Rule): Decoder<string> {
  return checked(string, (text) => (isExpandable(text) ? undefined : rule(text)));
}

/** The same with its place. */
export function textToExpand(rule: Rule): Decoder<Text> {
  return located(ruledText(rule));
}

/** `version` and `revision` are parts of the image's file name. */
export const fileNamePartRule: Rule = (part) => {
  if (part === '') return 'must not be empty';
  return /[/\s\p{C}]/u.test(part) ? `${quote(part)}: no slash, white space or control character is allowed` : undefined;
};

export const constraintRule: Rule = (text) => {
  const constraint = parseVersionConstraint(text);
  return 'problem' in constraint ? constraint.problem : undefined;
};

export const networkModeRule: Rule = (mode) =>
  ['', 'none', 'sandbox'].includes(mode) ? undefined : `invalid network mode ${quote(mode)}: none or sandbox`;
