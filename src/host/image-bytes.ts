import fs from 'node:fs';

import { AgentError } from '../core/errors.ts';
import { attempt, fileStatus, linkStatus } from './files.ts';

/** The bytes of an image, read where needed; nothing outside is ever read. */
export interface ImageBytes extends Disposable {
  /** What messages call the image. */
  readonly name: string;
  readonly size: number;
  /** Where it begins in the file of that name; 0 but for a part of a disk image. */
  readonly offset: number;
  /**
   * A copy of the bytes from `offset` on.
   * @throws AgentError `invalid-image` where the range is not wholly inside.
   */
  read(offset: number, length: number): Buffer;
}

/**
 * Opens an image file.
 * @throws AgentError `no-such-file`, or `invalid-image` for what is not a regular file or is empty.
 */
export function openImageBytes(path: string): ImageBytes {
  const status = fileStatus(path);
  if (status === undefined) throw new AgentError('no-such-file', `there is no ${path}`);
  if (!status.isFile()) throw new AgentError('invalid-image', `${path} is neither a regular file nor a directory`);
  if (status.size === 0) throw new AgentError('invalid-image', `${path} is empty`);
  return openFile(path, status.size);
}

/**
 * Opens a file below a directory that is an image; it may be empty.
 * @throws AgentError `invalid-image` for what is no regular file.
 */
export function openFileBytes(path: string): ImageBytes {
  const status = linkStatus(path);
  if (status?.isFile() !== true) throw new AgentError('invalid-image', `${path} is no regular file`);
  return openFile(path, status.size);
}

function openFile(path: string, size: number): ImageBytes {
  // Not to wait for a writer, should a fifo have taken the file's place meanwhile.
  const flags = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK;
  const descriptor = attempt('open', path, () => fs.openSync(path, flags));
  return {
    ...bounded(path, size, cachedReads(path, descriptor)),
    offset: 0,
    [Symbol.dispose]: () => {
      fs.closeSync(descriptor);
    },
  };
}

const pageSize = 16 * 1024;
const pagesKept = 256;

/** Reads through a few pages kept: inodes and directories lie close together, and a system call costs more than they. */
function cachedReads(path: string, descriptor: number): ImageBytes['read'] {
  const pages = new Map<number, Buffer>();
  const pageAt = (start: number): Buffer => {
    const kept = pages.get(start);
    if (kept !== undefined) return kept;
    const page = readAt(path, descriptor, start, roomIn(pages));
    pages.set(start, page);
    return page;
  };
  return (offset, length) => {
    const start = offset - (offset % pageSize);
    const within = offset + length <= start + pageSize;
    const bytes = within
      ? Buffer.from(pageAt(start).subarray(offset - start, offset - start + length))
      : readAt(path, descriptor, offset, Buffer.allocUnsafe(length));
    if (bytes.length < length) throw damaged(path, 'it was cut short while it was read');
    return bytes;
  };
}

/** Memory for one more page: that of the oldest, once there are enough. Nobody else has it, since all reads are copies. */
function roomIn(pages: Map<number, Buffer>): Buffer {
  const [oldest] = pages;
  if (oldest === undefined || pages.size < pagesKept) return Buffer.allocUnsafeSlow(pageSize);
  const [start, page] = oldest;
  pages.delete(start);
  return page.length === pageSize ? page : Buffer.allocUnsafeSlow(pageSize);
}

function readAt(path: string, descriptor: number, offset: number, bytes: Buffer): Buffer {
  const filled = attempt('read', path, () => fs.readSync(descriptor, bytes, 0, bytes.length, offset));
  return bytes.subarray(0, filled);
}

/** An image that is in memory already. */
export function imageBytesOf(name: string, bytes: Buffer): ImageBytes {
  return bytesOf(name, bytes.length, (offset, length) => Buffer.from(bytes.subarray(offset, offset + length)));
}

/** Bytes that `read` brings, which is asked only for what is wholly inside of `size`. */
export function bytesOf(name: string, size: number, read: ImageBytes['read']): ImageBytes {
  return { ...bounded(name, size, read), offset: 0, [Symbol.dispose]: () => undefined };
}

/**
 * A part of an image as an image: a partition, say. It is good as long as the whole is open.
 * @throws AgentError `invalid-image` where the part is not wholly inside.
 */
export function sliceOf(image: ImageBytes, offset: number, length: number): ImageBytes {
  if (!isInside(offset, length, image.size)) throw outside(image.name, offset, length, image.size);
  const read: ImageBytes['read'] = (at, count) => image.read(offset + at, count);
  return { ...bytesOf(image.name, length, read), offset: image.offset + offset };
}

/** The same bytes under another name for messages. */
export function renamed(image: ImageBytes, name: string): ImageBytes {
  return { ...bytesOf(name, image.size, (offset, length) => image.read(offset, length)), offset: image.offset };
}

/** Writes an image, which may be part of another, to a file of its own. */
export function writeImage(image: ImageBytes, path: string): void {
  attempt('write', path, () => {
    const descriptor = fs.openSync(path, 'wx', 0o600);
    try {
      for (let at = 0; at < image.size; at += pieceSize) {
        fs.writeSync(descriptor, image.read(at, Math.min(pieceSize, image.size - at)));
      }
    } finally {
      fs.closeSync(descriptor);
    }
  });
}

const pieceSize = 4 * 1024 * 1024;

function bounded(name: string, size: number, read: ImageBytes['read']): Pick<ImageBytes, 'name' | 'size' | 'read'> {
  return {
    name,
    size,
    read: (offset, length) => {
      if (!isInside(offset, length, size)) throw outside(name, offset, length, size);
      return read(offset, length);
    },
  };
}

function isInside(offset: number, length: number, size: number): boolean {
  return Number.isSafeInteger(offset) && offset >= 0 && length >= 0 && offset + length <= size;
}

function outside(name: string, offset: number, length: number, size: number): AgentError {
  return damaged(name, `it refers to ${length} bytes at ${offset}, and has ${size}`);
}

/** The error for an image whose own structures contradict each other. */
export function damaged(name: string, how: string): AgentError {
  return new AgentError('invalid-image', `${name} is damaged: ${how}`, {
    next: 'Get the image again from where it was published, or build it again.',
  });
}

/** The error for an image that is shorter than it says of itself. */
export function truncated(name: string, promised: number, size: number): AgentError {
  return new AgentError(
    'invalid-image',
    `${name} is truncated: its superblock promises ${promised} bytes, the file has ${size}`,
    { next: 'Get the image again from where it was published.' },
  );
}
