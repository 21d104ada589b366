import { expect, test } from 'vitest';

import { isUp, parseStates } from '../../../src/systemd/manager.ts';

const shown = `Id=a.service
Names=b.service a.service
LoadState=loaded
ActiveState=activating
SubState=auto-restart
FragmentPath=/usr/lib/systemd/system/a.service
Result=exit-code
NRestarts=3
InvocationID=0123

Id=none.target
Names=none.target
LoadState=not-found
ActiveState=inactive
SubState=dead
FragmentPath=
InvocationID=
`;

test('units are read as systemctl shows them', () => {
  expect(parseStates(shown)).toEqual([
    {
      names: ['a.service', 'b.service'],
      load: 'loaded',
      active: 'activating',
      sub: 'auto-restart',
      fragment: '/usr/lib/systemd/system/a.service',
      result: 'exit-code',
      restarts: 3,
      invocation: '0123',
    },
    {
      names: ['none.target'],
      load: 'not-found',
      active: 'inactive',
      sub: 'dead',
      fragment: '',
      result: '',
      restarts: 0,
      invocation: '',
    },
  ]);
  expect(parseStates(shown).map(isUp)).toEqual([true, false]);
});

test.each(['', '\n', 'no unit', 'Names=a.service\n'])('from %j no unit is read', (text) => {
  expect(parseStates(text)).toEqual([]);
});
