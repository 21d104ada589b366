import { expect, test } from 'vitest';

import { followLinks } from '../../../src/core/links.ts';

const links = new Map([
  ['lib', 'usr/lib'],
  ['usr/up', '../../../etc'],
  ['usr/abs', '/usr/lib'],
  ['usr/lib/chain', 'one'],
  ['usr/lib/one', './two'],
  ['loop', 'loop'],
  ['a', 'b'],
  ['b', 'a'],
]);

test.each([
  ['usr/bin/jq', 'usr/bin/jq'],
  ['/usr//bin/./jq', 'usr/bin/jq'],
  ['lib/x', 'usr/lib/x'],
  ['usr/abs/x', 'usr/lib/x'],
  ['usr/up/passwd', 'etc/passwd'],
  ['usr/lib/chain', 'usr/lib/two'],
  ['../../x', 'x'],
  ['', ''],
  ['loop', undefined],
  ['a/x', undefined],
])('%j leads to %j', (path, place) => {
  expect(followLinks(path, (link) => links.get(link))).toBe(place);
});
