import { createHash } from 'node:crypto';
import fs from 'node:fs';

import { AgentError } from '../core/errors.ts';
import type { Clock } from './clock.ts';
import type { DownloadOptions } from './download.ts';
import { networkError, requireStatus, shown, type HttpAnswer } from './exchange.ts';
import { attempt, removeTree } from './files.ts';
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
  const { http, headers, signal } = options;
  const answer = await http.request(url, {
    ...(headers === undefined ? {} : { headers }),
    ...(signal === undefined ? {} : { signal }),
  });
  requireStatus(answer, 200);
  const descriptor = attempt('create', path, () => fs.openSync(path, 'wx', 0o644));
  try {
    return await pour(answer, descriptor, path, options);
  } catch (error) {
    removeTree(path);
    throw networkError(error, answer.url, signal);
  } finally {
    fs.closeSync(descriptor);
  }
}

async function pour(answer: HttpAnswer, descriptor: number, path: string, options: SaveOptions): Promise<string> {
  const { clock, maxSize, progress = silent } = options;
  const keepPace = paceKeeper(clock, answer.url);
  const hash = createHash('sha256');
  let size = 0;
  for await (const piece of answer.body as AsyncIterable<Buffer>) {
    keepPace(piece.length);
    size += piece.length;
    if (size > maxSize) throw tooLarge(answer.url, maxSize);
    hash.update(piece);
    attempt('write', path, () => {
      for (let written = 0; written < piece.length;) written += fs.writeSync(descriptor, piece, written);
    });
    progress.advance(piece.length);
  }
  return hash.digest('hex');
}

function tooLarge(url: string, maxSize: number): AgentError {
  return new AgentError('content-refused', `${shown(url)} is larger than the ${maxSize} bytes that are taken`, {
    left: 'What arrived was removed.',
  });
}
