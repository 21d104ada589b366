import fs from 'node:fs';

import { AgentError } from '../core/errors.ts';
import type { Range } from './content.ts';
import { sizeLimit, type DownloadOptions, type WantedFile } from './download.ts';
import { fileError, fileStatus } from './files.ts';
import { openPartFile } from './part-file.ts';
import { silent } from './progress.ts';

/**
 * Copies a file of this host, or a part of one, that must have a known sha256, as `Http.download` fetches one: only a
 * complete and verified file gets the final name.
 * @throws AgentError `no-such-file`, `verification-failed`, `disk-full`, `io`, `interrupted`
 */
export async function copyKnown(from: string | Range, file: WantedFile, options: DownloadOptions = {}): Promise<void> {
  const { progress = silent, signal } = options;
  const source = typeof from === 'string' ? from : from.path;
  requireSize(source, file, typeof from === 'string' ? fileStatus(from)?.size : from.length);
  const part = await openPartFile(file.path, file.sha256);
  try {
    await part.restart();
    for await (const piece of piecesFrom(from)) {
      if (signal?.aborted === true) throw new AgentError('interrupted', `the copy of ${source} was interrupted`);
      // It may grow while it is read.
      requireSize(source, { maxSize: sizeLimit(file) }, part.position + piece.length);
      await part.append(piece);
      progress.advance(piece.length);
    }
    if (part.digest() !== file.sha256) throw anotherFile(source, `sha256 ${file.sha256}`, `sha256 ${part.digest()}`);
  } catch (error) {
    await part.discard();
    throw error;
  }
  await part.commit();
}

async function* piecesFrom(from: string | Range): AsyncGenerator<Buffer> {
  const { path, ...part } = typeof from === 'string' ? { path: from } : bounds(from);
  const stream = fs.createReadStream(path, { highWaterMark: 1024 * 1024, ...part });
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) yield piece;
  } catch (error) {
    throw fileError(error, 'read', path);
  }
}

/** Both ends are read. */
function bounds({ path, offset, length }: Range): {
  readonly path: string;
  readonly start: number;
  readonly end: number;
} {
  return { path, start: offset, end: offset + length - 1 };
}

/** @param found the size of what is there, in bytes; undefined where nothing is, which reading it tells. */
function requireSize(path: string, { size, maxSize }: Pick<WantedFile, 'size' | 'maxSize'>, found = size ?? 0): void {
  if (size !== undefined && found !== size) throw anotherFile(path, `${size} bytes`, `${found} bytes`);
  if (maxSize !== undefined && found > maxSize) throw anotherFile(path, `at most ${maxSize} bytes`, `${found} bytes`);
}

function anotherFile(path: string, expected: string, found: string): AgentError {
  return new AgentError('verification-failed', `${path} is not the file that was promised`, {
    unverified: 'digest',
    facts: [`expected: ${expected}`, `found:    ${found}`],
    left: 'What was copied was removed.',
    next: 'Look whether it is damaged, or the list beside it older than the file.',
  });
}
