import { expect, test } from 'vitest';

import { messageCatalog, messages, type Message } from '../../../src/core/messages.ts';

const all: readonly Message[] = Object.values(messages);

test('every message has an id of its own', () => {
  const ids = all.map(({ id }) => id);

  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
});

test('the catalog has an entry for every event that is explained, as journald reads it', () => {
  const events: readonly Message[] = [
    { id: 'a'.repeat(32), priority: 'info', text: 'plain' },
    { id: 'b'.repeat(32), priority: 'error', text: 'it failed', explanation: 'Since @SYSEXT_ERROR@\n\nTry again.' },
  ];

  expect(messageCatalog(events)).toBe(`-- ${'b'.repeat(32)}
Subject: it failed
Defined-By: sysext-agent
Documentation: man:sysext-agent(1)

Since @SYSEXT_ERROR@

Try again.
`);
  // A line that begins so would end the entry.
  expect(messageCatalog().match(/^-- /gm)).toHaveLength(all.filter(({ explanation }) => explanation).length);
});
