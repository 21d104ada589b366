import { expect, test } from 'vitest';

import { unitPath } from '../../../../src/systemd/bus/systemd1.ts';

/** As `busctl tree org.freedesktop.systemd1` shows them. */
test.each([
  ['dbus.service', 'dbus_2eservice'],
  ['-.mount', '_2d_2emount'],
  ['1st.service', '_31st_2eservice'],
  ['user@0.service', 'user_400_2eservice'],
  ['ä.service', '_c3_a4_2eservice'],
  ['', '_'],
])('the unit %s has its path', (unit, path) => {
  expect(unitPath(unit)).toBe(`/org/freedesktop/systemd1/unit/${path}`);
});
