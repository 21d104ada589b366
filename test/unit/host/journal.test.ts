import { expect, test } from 'vitest';

import { entryText } from '../../../src/host/journal.ts';

test('an entry has one field a line, whatever is in the values', () => {
  const message = { id: 'a'.repeat(32), priority: 'warning', text: 'it happened' } as const;
  const fields = { error: 'one\nMESSAGE_ID=two', names: ['a', 'b'], number: 3, why: undefined };

  expect(entryText(message, fields, 42).split('\n')).toEqual([
    `MESSAGE={"messageId":"${message.id}","error":"one\\nMESSAGE_ID=two","names":["a","b"],"number":3,"message":"it happened"}`,
    `MESSAGE_ID=${message.id}`,
    'PRIORITY=4',
    'SYSLOG_IDENTIFIER=sysext-agent',
    'OBJECT_PID=42',
    'SYSEXT_ERROR=one MESSAGE_ID=two',
    'SYSEXT_NAMES=a, b',
    'SYSEXT_NUMBER=3',
    'SYSEXT_WHY=',
    '',
  ]);
});
