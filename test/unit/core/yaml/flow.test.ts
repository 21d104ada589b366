import { expect, test } from 'vitest';

import { anything } from '../../../../src/core/yaml/decoder.ts';
import { decodeYaml } from '../../../../src/core/yaml/document.ts';
import { flowText } from '../../../../src/core/yaml/flow.ts';
import { keyName, type Value } from '../../../../src/core/yaml/tree.ts';
import { plainValue } from '../../../../src/core/yaml/scalar.ts';

function valueOf(text: string): Value {
  const decoded = decodeYaml(text, 'x.yml', anything);
  if (!decoded.ok) throw new Error(decoded.problems.map(({ message }) => message).join());
  return decoded.value;
}

/** What a value says, its places left out. */
function contentOf(value: Value): unknown {
  if (value.kind === 'scalar') return value.plain ? plainValue(value.text) : value.text;
  if (value.kind === 'list') return value.items.map(contentOf);
  if (value.kind === 'map') return value.entries.map(({ key, value: inner }) => [keyName(key), contentOf(inner)]);
  return undefined;
}

test('a spec in one line', () => {
  const spec = 'name: jq\nversion: 1.10\nargs:\n  A: "1"\ndependencies:\n  sysext:\n    jq: # the newest\n';

  expect(flowText(valueOf(spec))).toBe(
    '{"name": "jq", "version": 1.10, "args": {"A": "1"}, "dependencies": {"sysext": {"jq": null}}}',
  );
});

test.each([
  'a: |\n  two\n  lines\nb: "\\u0007\\ttab"\n',
  'list: [1, 0x10, 1.5, ~, true, yes, .inf, 1e3, "", 0644]\n',
  'a: &x {b: [c, "d: e"]}\nf: *x\n',
  "quoted: 'it''s {no, map}'\n? 3\n: null key\nnull: x\n",
  '[]',
  '{}',
])('%j reads as the same value', (text) => {
  const value = valueOf(text);

  expect(contentOf(valueOf(flowText(value)))).toEqual(contentOf(value));
});
