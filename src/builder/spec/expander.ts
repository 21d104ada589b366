import type { Problem } from '../../core/problems.ts';
import { fieldPath, itemPath, quote } from '../../core/yaml/text.ts';
import { isPlatformArgument } from './build-arguments.ts';
import { isExpandable, type Rule } from './expansion.ts';
import { expandWord, type Budget } from './shell-lexer.ts';
import type { Text } from './sources.ts';

/** Expands texts and gathers what is wrong with them. */
export interface Expander {
  /** @param rule judges what comes out. */
  text(text: Text, field: string, rule?: Rule): Text;
  optional(text: Text | undefined, field: string, rule?: Rule): Text | undefined;
  list(texts: readonly Text[], field: string, rule?: Rule): readonly Text[];
  map(texts: ReadonlyMap<string, Text>, field: string): ReadonlyMap<string, Text>;
}

/** @param problems gets what is wrong with the texts that are expanded. */
export function expanderFor(values: ReadonlyMap<string, string>, problems: Problem[]): Expander {
  const budget: Budget = { left: 10_000_000 };
  const expand = (text: Text, field: string, rule?: Rule): Text => {
    if (!isExpandable(text.value)) return text;
    const report = (message: string) => problems.push({ position: text.position, field, message });
    const expansion = expandWord(text.value, (name) => values.get(name), budget);
    if (!expansion.ok) {
      report(`error performing variable expansion: ${expansion.problem}`);
      return text;
    }
    const undeclared = expansion.unset.flatMap((name) => problemOfUnset(name) ?? []);
    for (const message of undeclared) report(message);
    const fault = undeclared.length === 0 ? rule?.(expansion.text) : undefined;
    if (fault !== undefined) report(fault);
    return { value: expansion.text, position: text.position };
  };
  return {
    text: expand,
    optional: (text, field, rule) => (text === undefined ? undefined : expand(text, field, rule)),
    list: (texts, field, rule) => texts.map((text, index) => expand(text, itemPath(field, index), rule)),
    map: (texts, field) =>
      new Map(Array.from(texts, ([name, text]) => [name, expand(text, fieldPath(field, name))] as const)),
  };
}

/** The key of the target is left as it is written where the spec does not declare it. */
function problemOfUnset(name: string): string | undefined {
  if (name === 'DALEC_TARGET') return undefined;
  return isPlatformArgument(name)
    ? `opt-in arg ${quote(name)} not present in args`
    : `error performing variable expansion: build arg ${quote(name)} not declared`;
}
