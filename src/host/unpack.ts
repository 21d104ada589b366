import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { PassThrough, Readable, type Transform } from 'node:stream';

import { AgentError, messageOf } from '../core/errors.ts';
import type { Range } from './content.ts';
import type { PipingExec } from './exec.ts';
import { attempt, fileError } from './files.ts';

/** How the archive inside a package is compressed. */
export type Compression = 'none' | 'gzip' | 'zstd' | 'xz' | 'lzma' | 'bzip2';

export interface UnpackOptions {
  readonly exec: PipingExec;
  /** The most bytes that may come out. */
  readonly limit: number;
  readonly signal?: AbortSignal;
}

/** What Node cannot unpack itself, and the program that does. */
const programOf: Partial<Record<Compression, readonly [program: string, ...args: string[]]>> = {
  bzip2: ['bzip2', '-dc'],
  lzma: ['xz', '--format=lzma', '-dc'],
  xz: ['xz', '--format=xz', '-dc', '-T0'],
};

/**
 * Unpacks a part of a file into the new file `output`, which is removed again where that fails.
 * @returns the sha256 of what was written, in hexadecimal.
 * @throws AgentError `content-refused` where the bytes are damaged, truncated, or more than `limit` when unpacked.
 */
export async function unpack(
  source: Range,
  compression: Compression,
  output: string,
  options: UnpackOptions,
): Promise<string> {
  const descriptor = attempt('create', output, () => fs.openSync(output, 'wx', 0o644));
  try {
    const hash = createHash('sha256');
    let size = 0;
    await decompress(source, compression, options, (piece) => {
      size += piece.length;
      if (size > options.limit) throw bomb(source, options.limit);
      hash.update(piece);
      attempt('write', output, () => {
        writeWhole(descriptor, piece);
      });
    });
    return hash.digest('hex');
  } catch (error) {
    fs.rmSync(output, { force: true });
    throw error;
  } finally {
    fs.closeSync(descriptor);
  }
}

function bomb(source: Range, limit: number): AgentError {
  const message = `${source.path} unpacks to more than ${limit} bytes from ${source.length}, more than is taken`;
  return new AgentError('content-refused', message);
}

function writeWhole(descriptor: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) written += fs.writeSync(descriptor, bytes, written);
}

type Take = (piece: Uint8Array) => void;

async function decompress(source: Range, compression: Compression, options: UnpackOptions, take: Take): Promise<void> {
  const program = programOf[compression];
  if (program === undefined) await decompressHere(source, compression, options, take);
  else await decompressWith(program, source, options, take);
}

async function decompressHere(
  source: Range,
  compression: Compression,
  options: UnpackOptions,
  take: Take,
): Promise<void> {
  const { signal } = options;
  const { pipeline } = await import('node:stream/promises');
  const transform = await transformOf(compression);
  const sink = async (pieces: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const piece of pieces) take(piece);
  };
  try {
    await pipeline(bytesOf(source), transform, sink, signal === undefined ? {} : { signal });
  } catch (error) {
    if (signal?.aborted === true) throw new AgentError('interrupted', `unpacking ${source.path} was interrupted`);
    throw isDamage(error) ? damaged(source, [messageOf(error)]) : fileError(error, 'read', source.path);
  }
}

/** What Node unpacks itself; loaded only where something is unpacked, which a warm cache spares. */
async function transformOf(compression: Compression): Promise<Transform> {
  const { createGunzip, createZstdDecompress } = await import('node:zlib');
  if (compression === 'gzip') return createGunzip();
  return compression === 'zstd' ? createZstdDecompress() : new PassThrough();
}

/** zlib and zstd name their errors so (node:zlib, "Constants"). */
function isDamage(error: unknown): boolean {
  return /^(Z_|ZSTD_)/.test((error as NodeJS.ErrnoException).code ?? '');
}

async function decompressWith(
  [program, ...args]: readonly [string, ...string[]],
  source: Range,
  options: UnpackOptions,
  take: Take,
): Promise<void> {
  const { signal } = options;
  const cancel = signal === undefined ? {} : { signal };
  const { exitCode, stderr } = await options.exec.filter(program, args, bytesOf(source), take, cancel);
  if (exitCode !== 0) throw damaged(source, stderr.trimEnd().split('\n').slice(-3));
}

function damaged(source: Range, facts: readonly string[]): AgentError {
  return new AgentError('content-refused', `${source.path} is damaged or truncated: it does not unpack`, { facts });
}

function bytesOf({ path, offset, length }: Range): Readable {
  if (length === 0) return Readable.from([]);
  return fs.createReadStream(path, { start: offset, end: offset + length - 1, highWaterMark: 256 * 1024 });
}
