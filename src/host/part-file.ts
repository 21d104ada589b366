import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { attempt, fileError, makeDirectory, removeTree } from './files.ts';
import { leftFiles, ownedPath, takeOver } from './owned.ts';

/** A file that is being written from its beginning, hashed as it grows. Only this process writes to it. */
export interface PartFile {
  /** How many bytes it has, with those that are still on their way to the disk. */
  readonly position: number;
  /**
   * Adds a piece, of which nothing is kept: it is copied. It is hashed while the one before is written, and what fails
   * in writing is told by a later call.
   */
  append(piece: Uint8Array): Promise<void>;
  /** Empties it. */
  restart(): Promise<void>;
  /** The hash of what it has, in hexadecimal. */
  digest(): string;
  /** Gives it its final name. */
  commit(): Promise<void>;
  /** Lets go of it and leaves it for the next one who wants the same file. */
  release(): Promise<void>;
  /** Removes it. */
  discard(): Promise<void>;
}

/** Hashes by which a file may be known. */
export type HashAlgorithm = 'sha256' | 'sha384' | 'sha512';

/**
 * Opens the `.part` file beside `path`, with the bytes that an earlier download of the same content left in it: it is
 * named by the hash that is wanted, so that a resumed file is always of the right version.
 *
 * While it is written its name says whose it is: two processes that want the same file never write to the same
 * inode, so what one has verified cannot change under it, and what a killed process left is found again.
 */
export async function openPartFile(path: string, wanted: string, by: HashAlgorithm = 'sha256'): Promise<PartFile> {
  const directory = dirname(path);
  makeDirectory(directory);
  const working = ownedPath(directory, wanted, 'part');
  takeOver(leftFiles(directory, { kinds: ['part'], stem: wanted }), working);
  const handle = await guard('write', working, () => open(working, 'a', 0o644));
  const writer = createBatchWriter((batch) => guard('write', working, () => handle.appendFile(batch)));
  let hash = createHash(by);
  let position = 0;
  const take = (piece: Uint8Array) => {
    hash.update(piece);
    position += piece.length;
  };
  await hashExisting(working, take);
  const finish = async (action: () => void) => {
    await handle.close();
    attempt('finish', path, action);
  };
  const release = async () => {
    // What fails here failed before, and is told by then.
    await writer.flush().catch(() => undefined);
    await finish(() => {
      fs.renameSync(working, join(directory, `${wanted}.part`));
    });
  };
  return {
    get position() {
      return position;
    },
    append: async (piece) => {
      take(piece);
      await writer.write(piece);
    },
    restart: async () => {
      await writer.flush();
      await guard('empty', working, () => handle.truncate(0));
      hash = createHash(by);
      position = 0;
    },
    digest: () => hash.copy().digest('hex'),
    commit: async () => {
      try {
        await writer.flush();
      } catch (error) {
        await release();
        throw error;
      }
      await finish(() => {
        fs.renameSync(working, path);
      });
    },
    release,
    discard: async () => {
      await writer.flush().catch(() => undefined);
      await finish(() => {
        removeTree(working);
      });
    },
  };
}

/** The network brings small pieces: each of them alone would cost a call of the system, and waiting for it. */
const batchSize = 512 * 1024;

interface BatchWriter {
  /** Copies a piece; returns as soon as there is room for the next. */
  write(piece: Uint8Array): Promise<void>;
  /** Returns when all of it is written. */
  flush(): Promise<void>;
}

/** Writes pieces in batches, each while the next one is gathered: two buffers, whatever the size of the file. */
function createBatchWriter(send: (batch: Buffer) => Promise<void>): BatchWriter {
  let gathering = Buffer.allocUnsafeSlow(batchSize);
  let resting = Buffer.allocUnsafeSlow(batchSize);
  let filled = 0;
  let writing = Promise.resolve();
  const next = async (): Promise<void> => {
    await writing;
    writing = send(gathering.subarray(0, filled));
    // Whoever waits for it learns of a failure; until then it is no unhandled one.
    writing.catch(() => undefined);
    [gathering, resting, filled] = [resting, gathering, 0];
  };
  return {
    write: async (piece) => {
      for (let done = 0; done < piece.length;) {
        const part = piece.subarray(done, done + batchSize - filled);
        gathering.set(part, filled);
        filled += part.length;
        done += part.length;
        if (filled === batchSize) await next();
      }
    },
    flush: async () => {
      if (filled > 0) await next();
      await writing;
    },
  };
}

async function guard<T>(action: string, path: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw fileError(error, action, path);
  }
}

async function hashExisting(path: string, take: (piece: Buffer) => void): Promise<void> {
  await guard('read', path, async () => {
    for await (const piece of fs.createReadStream(path, { highWaterMark: 1024 * 1024 })) take(piece as Buffer);
  });
}
