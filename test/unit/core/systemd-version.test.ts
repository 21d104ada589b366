import { expect, test } from 'vitest';

import { parseSystemdVersion } from '../../../src/core/systemd-version.ts';

/** First lines of `systemd-sysext --version` as distributions print them. */
test.each([
  ['systemd 252 (252.39-1~deb12u2)\n+PAM +AUDIT', 252, 39],
  ['systemd 254 (254.26-1~bpo12+1)', 254, 26],
  ['systemd 257 (257.13-1~deb13u1)', 257, 13],
  ['systemd 262 (262-1)', 262, 0],
  ['systemd 256 (v256.12-1.fc41)', 256, 12],
  ['systemd 249 (249.11-0ubuntu3.16)', 249, 11],
  ['systemd 248', 248, 0],
])('%j', (line, major, minor) => {
  expect(parseSystemdVersion(line)).toMatchObject({ major, minor });
});

test('something else is no version', () => {
  expect(parseSystemdVersion('systemd-sysext: not found')).toBeUndefined();
});
