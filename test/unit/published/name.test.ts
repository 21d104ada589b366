import { expect, test } from 'vitest';

import { parseImageReference, withDetails } from '../../../src/core/image-reference.ts';
import { nameOfReference } from '../../../src/published/name.ts';

test.each([
  ['oci://r.example/tools/jq:1.7', undefined, 'jq'],
  ['https://a.example/extensions/jq/', undefined, 'jq'],
  ['https://a.example/fedora/', 'jq-@v-%w-%a.raw', 'jq'],
  ['https://a.example/fedora/', 'my-tool-v@v-trixie-%a.raw', 'my-tool'],
  ['https://a.example/jq/', '@v.raw', 'jq'],
  ['https://a.example/my-tool_1.2_x86-64.raw.xz', undefined, 'my-tool'],
  ['/srv/images/jq/', undefined, 'jq'],
])('%s with %s is most likely of %s', (text, match, name) => {
  const parsed = parseImageReference(text);
  if ('problem' in parsed) throw new Error(parsed.problem);
  const detailed = withDetails(parsed.value, match === undefined ? {} : { match: [match] });
  expect('value' in detailed && nameOfReference(detailed.value)).toBe(name);
});
