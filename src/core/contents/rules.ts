import { askingRules } from './ask.ts';
import type { ImageContents, Surroundings } from './contents.ts';
import type { Finding } from './finding.ts';
import { refusingRules } from './refuse.ts';
import { prepare, type Rule } from './rule.ts';
import { tellingRules } from './tell.ts';

/** Every rule about what an image holds, those that weigh most first. */
export const contentsRules: readonly Rule[] = [...refusingRules, ...askingRules, ...tellingRules];

/** What the rules find in an image, in the order of the rules. No image makes it throw. */
export function contentsFindings(contents: ImageContents, surroundings: Surroundings): readonly Finding[] {
  const prepared = prepare(contents);
  return contentsRules.flatMap((rule) => rule.find(prepared, surroundings));
}
