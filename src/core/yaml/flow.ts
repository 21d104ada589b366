import { plainText, plainValue } from './scalar.ts';
import type { ScalarValue, Value } from './tree.ts';

/**
 * A value as YAML in one line, which reads as the same value: text in quotes, the rest as it was written. Merge keys and
 * aliases are gone.
 */
export function flowText(value: Value): string {
  switch (value.kind) {
    case 'scalar':
      return scalarText(value);
    case 'list':
      return `[${value.items.map(flowText).join(', ')}]`;
    case 'map':
      return `{${value.entries.map((entry) => `${flowText(entry.key)}: ${flowText(entry.value)}`).join(', ')}}`;
    case 'invalid':
      return 'null';
  }
}

function scalarText({ plain, text }: ScalarValue): string {
  const isText = !plain || typeof plainValue(text) === 'string';
  if (isText) return JSON.stringify(text);
  return plainText(plainValue(text)) === undefined ? 'null' : text;
}
