import { AgentError } from '../core/errors.ts';
import type { Clock } from './clock.ts';
import type { DownloadOptions } from './download.ts';
import { networkError, requireStatus, shown } from './exchange.ts';
import { createFile } from './growing-file.ts';
import type { Http } from './http.ts';
import { paceKeeper } from './pace.ts';
import { silent } from './progress.ts';
import { retrying } from './retry.ts';

/** How a file is fetched that may be anything. */
export interface SaveOptions extends DownloadOptions {
  readonly http: Http;
  readonly clock: Clock;
  /** The most that is taken, in bytes. */
  readonly maxSize: number;
}

/**
 * Fetches a file of which nothing is known beforehand into a new file: all of it, however often that breaks off.
 * @returns the sha256 of what came, in hexadecimal. Whatever fails, nothing is left.
 * @throws AgentError `network`, `no-such-file`, `content-refused` where it is too large, `disk-full`, `interrupted`
 */
export async function saveFile(url: string, path: string, options: SaveOptions): Promise<string> {
  const policy = { clock: options.clock, attempts: 4, random: Math.random };
  return retrying(policy, () => saveOnce(url, path, options), options.signal);
}

async function saveOnce(url: string, path: string, options: SaveOptions): Promise<string> {
  const { http, clock, maxSize: bytes, headers, signal, progress = silent } = options;
  const answer = await http.request(url, {
    ...(headers === undefined ? {} : { headers }),
    ...(signal === undefined ? {} : { signal }),
  });
  requireStatus(answer, 200);
  const keepPace = paceKeeper(clock, answer.url);
  const file = createFile(path, { bytes, tooLarge: () => tooLarge(answer.url, bytes) });
  try {
    for await (const piece of answer.body as AsyncIterable<Buffer>) {
      keepPace(piece.length);
      file.add(piece);
      progress.advance(piece.length);
    }
  } catch (error) {
    file.discard();
    throw networkError(error, answer.url, signal);
  }
  return file.finish();
}

function tooLarge(url: string, bytes: number): AgentError {
  return new AgentError('content-refused', `${shown(url)} is larger than the ${bytes} bytes that are taken`, {
    left: 'What arrived was removed.',
  });
}
