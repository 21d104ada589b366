import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import type { Clock } from '../../host/clock.ts';
import { openBoundedLog } from '../../host/bounded-log.ts';
import { listNames, removeTree } from '../../host/files.ts';

/** What the steps of one build printed, as a file. */
export interface BuildLog extends Disposable {
  readonly path: string;
  write(piece: Uint8Array): void;
  /** A line of ours, which can be told from what programs print by the `==> ` before it. */
  note(line: string): void;
}

/** In bytes: what a build prints without end must not fill the disk. */
const mostOfOne = 16 * 1024 ** 2;

/** How many logs are kept of one name. */
const mostLogs = 10;

/** Begins the log of a build: `<directory>/<name>/<time>.log`; old ones go. */
export function beginLog(directory: string, name: string, clock: Clock): BuildLog {
  const place = join(directory, name);
  for (const old of logsIn(place).slice(0, 1 - mostLogs)) removeTree(old);
  const time = clock.now().toISOString().replaceAll(':', '');
  const log = openBoundedLog(join(place, `${time}-${process.pid}.log`), mostOfOne);
  return {
    path: log.path,
    write: (piece) => {
      log.write(piece);
    },
    note: (line) => {
      log.write(`==> ${line}\n`);
    },
    [Symbol.dispose]: () => {
      log[Symbol.dispose]();
    },
  };
}

/**
 * The log of the newest build of a name whose steps were run.
 * @throws AgentError `no-such-file`
 */
export function newestLog(directory: string, name: string): string {
  const path = logsIn(join(directory, name)).at(-1);
  if (path !== undefined) return path;
  const known = listNames(directory);
  throw new AgentError('no-such-file', `there is no log of a build of ${name}`, {
    facts: known.length === 0 ? [] : [`there are logs of: ${known.join(' ')}`],
    next: 'A build writes one where it runs steps: not where it finds all of them done, and not where the spec has none.',
  });
}

/** The oldest first. */
function logsIn(directory: string): readonly string[] {
  return listNames(directory)
    .filter((name) => name.endsWith('.log'))
    .map((name) => join(directory, name));
}
