import { spawnSync } from 'node:child_process';

import { priorities, type Message } from '../core/messages.ts';
import { findProgram } from './exec.ts';
import { fileStatus } from './files.ts';
import type { Fields, Log } from './log.ts';

/** Where journald takes entries with fields (systemd.journal-fields(7)). */
const socket = '/run/systemd/journal/socket';

/** How long the journal may take for an entry, in milliseconds: then it goes without. */
const patience = 5000;

/** What a command tells: the events that have an entry in the catalog, where there is a journal. */
export const journalLog: Log = {
  tell: (message, fields = {}) => {
    if (message.explanation !== undefined && fileStatus(socket) !== undefined) writeEntry(message, fields);
  },
};

/**
 * Writes an entry with a MESSAGE_ID and a field for each of `fields`, which is in the journal when this returns. By
 * logger(1), since Node cannot send datagrams; it may have ended when journald asks whose it was, so that the entry says
 * on whose behalf it is: `journalctl --unit` heeds that where it comes from root.
 * @returns whether it was written.
 */
export function writeEntry(message: Message, fields: Fields): boolean {
  const program = findProgram('logger');
  if (program === undefined) return false;
  const stdio = ['pipe', 'ignore', 'ignore'] as const;
  const input = entryText(message, fields, process.pid);
  return spawnSync(program, ['--journald'], { input, stdio: [...stdio], env: {}, timeout: patience }).status === 0;
}

/** One field a line; what would begin a new one becomes a space. */
export function entryText({ id, priority, text }: Message, fields: Fields, pid: number): string {
  const own = Object.entries(fields).map(([name, value = '']) => [
    `SYSEXT_${name.toUpperCase()}`,
    typeof value === 'object' ? value.join(', ') : String(value),
  ]);
  const all = {
    MESSAGE: JSON.stringify({ messageId: id, ...fields, message: text }),
    MESSAGE_ID: id,
    PRIORITY: String(priorities[priority]),
    SYSLOG_IDENTIFIER: 'sysext-agent',
    OBJECT_PID: String(pid),
    ...(Object.fromEntries(own) as Record<string, string>),
  };
  return Object.entries(all)
    .map(([name, value]) => `${name}=${value.replaceAll(/[\r\n]+/g, ' ')}\n`)
    .join('');
}
