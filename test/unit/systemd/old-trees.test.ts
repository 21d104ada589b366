import { expect, test } from 'vitest';

import { unitOf } from '../../../src/systemd/old-trees.ts';

test.each([
  ['/system.slice/web.service', 'web.service'],
  ['/system.slice/system-getty.slice/getty@tty1.service', 'getty@tty1.service'],
  ['/system.slice/web.service/worker', 'web.service'],
  ['/user.slice/user-1000.slice/user@1000.service/app.slice/tool.service', 'user@1000.service'],
  ['/user.slice/user-1000.slice/session-3.scope', 'session-3.scope'],
  ['/init.scope', 'init.scope'],
  ['/', undefined],
  [undefined, undefined],
])('a process in the control group %s is of %s', (group, unit) => {
  expect(unitOf(group)).toBe(unit);
});
