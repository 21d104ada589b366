import fs from 'node:fs';

import { AgentError } from '../core/errors.ts';
import type { DownloadOptions, WantedFile } from './download.ts';
import { fileError } from './files.ts';
import { openPartFile } from './part-file.ts';
import { silent } from './progress.ts';

/**
 * Copies a file of this host that must have a known sha256, as `Http.download` fetches one: only a complete and verified
 * file gets the final name.
 * @throws AgentError `no-such-file`, `verification-failed`, `disk-full`, `io`, `interrupted`
 */
export async function copyKnown(from: string, file: WantedFile, options: DownloadOptions = {}): Promise<void> {
  const { progress = silent, signal } = options;
  const part = await openPartFile(file.path, file.sha256);
  try {
    await part.restart();
    for await (const piece of piecesFrom(from)) {
      if (signal?.aborted === true) throw new AgentError('interrupted', `the copy of ${from} was interrupted`);
      await part.append(piece);
      progress.advance(piece.length);
    }
    if (part.digest() !== file.sha256) throw anotherFile(from, file.sha256, part.digest());
  } catch (error) {
    await part.discard();
    throw error;
  }
  await part.commit();
}

async function* piecesFrom(path: string): AsyncGenerator<Buffer> {
  const stream = fs.createReadStream(path, { highWaterMark: 1024 * 1024 });
  try {
    for await (const piece of stream as AsyncIterable<Buffer>) yield piece;
  } catch (error) {
    throw fileError(error, 'read', path);
  }
}

function anotherFile(path: string, expected: string, found: string): AgentError {
  return new AgentError('verification-failed', `${path} is not the file that was promised`, {
    facts: [`expected: sha256 ${expected}`, `found:    sha256 ${found}`],
    left: 'What was copied was removed.',
    next: 'Look whether the list beside it is older than the file.',
  });
}
