import { priorities, type Message } from '../core/messages.ts';
import { writeEntry } from './journal.ts';

/** Values that differ from one telling of a message to the next. */
export type Fields = Readonly<Record<string, string | number | readonly string[] | undefined>>;

/** Where is told what happens. */
export interface Log {
  tell(message: Message, fields?: Fields): void;
}

/** pino's own levels for those of the journal. */
const levels = { error: 'error', warning: 'warn', notice: 'info', info: 'info' } as const;

/**
 * Writes one JSON object a line to standard output: written when the call returns. Where that is the journal, each line
 * begins with its priority, which the journal takes off, and the time is left to the journal; the events that matter are
 * entries with fields of their own there.
 */
export async function createLog(env: NodeJS.ProcessEnv): Promise<Log> {
  const { pino } = await import('pino');
  const isJournal = env['JOURNAL_STREAM'] !== undefined;
  const output = pino.destination({ fd: 1, sync: true });
  let priority: number = priorities.info;
  const prefixed = { write: (line: string) => output.write(`<${priority}>${line}`) };
  const logger = pino(
    {
      base: null,
      messageKey: 'message',
      timestamp: isJournal ? false : pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    isJournal ? prefixed : output,
  );
  return {
    tell: (message: Message, fields = {}) => {
      if (isJournal && message.explanation !== undefined && writeEntry(message, fields)) return;
      priority = priorities[message.priority];
      logger[levels[message.priority]]({ messageId: message.id, ...fields }, message.text);
    },
  };
}
