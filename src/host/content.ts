import fs from 'node:fs';

import { AgentError } from '../core/errors.ts';
import { lengthOf, type Content } from '../core/tree.ts';
import { attempt } from './files.ts';

/** A part of a file, in bytes. */
export interface Range {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** As much of a file as is read at once where all of it is wanted. */
export const pieceSize = 256 * 1024;

/** One open file of which parts are read. */
export interface Window extends Disposable {
  /** Size of the file in bytes. */
  readonly size: number;
  /**
   * Bytes of the file, at most as many as the window holds: a view that is good until the next call.
   * @throws AgentError `io` where the file ends before them.
   */
  read(offset: number, length: number): Buffer;
}

/** Opens a file to read parts of it, mostly forwards; parts that lie in one window come with one system call. */
export function openWindow(path: string, windowSize = pieceSize): Window {
  const descriptor = attempt('open', path, () => fs.openSync(path, 'r'));
  const buffer = Buffer.allocUnsafeSlow(windowSize);
  let start = 0;
  let filled = 0;
  return {
    size: attempt('look at', path, () => fs.fstatSync(descriptor).size),
    read: (offset, length) => {
      if (offset < start || offset + length > start + filled) {
        start = offset;
        filled = attempt('read', path, () => fs.readSync(descriptor, buffer, 0, windowSize, offset));
      }
      if (offset + length > start + filled) {
        throw new AgentError('io', `cannot read ${path}: it ends before byte ${offset + length}`);
      }
      return buffer.subarray(offset - start, offset - start + length);
    },
    [Symbol.dispose]: () => {
      fs.closeSync(descriptor);
    },
  };
}

/** Reads contents one after the other; the file of the last one stays open for the next. */
export interface ContentReader extends Disposable {
  /** Passes the bytes on in pieces, each good until `take` returns. */
  forEachPiece(content: Content, take: (piece: Uint8Array) => void): void;
}

export function createContentReader(): ContentReader {
  let open: { readonly path: string; readonly window: Window } | undefined;
  const close = (): void => {
    open?.window[Symbol.dispose]();
    open = undefined;
  };
  const windowOn = (path: string): Window => {
    if (open?.path !== path) {
      close();
      open = { path, window: openWindow(path) };
    }
    return open.window;
  };
  return {
    forEachPiece: (content, take) => {
      const reads = readsOf(content, windowOn);
      for (let done = 0; done < lengthOf(content); done += pieceSize) {
        take(reads(done, Math.min(pieceSize, lengthOf(content) - done)));
      }
    },
    [Symbol.dispose]: close,
  };
}

/** All bytes of a content that is known to be small. */
export function contentBytes(content: Content): Uint8Array {
  const pieces: Buffer[] = [];
  using reader = createContentReader();
  reader.forEachPiece(content, (piece) => pieces.push(Buffer.from(piece)));
  return Buffer.concat(pieces);
}

function readsOf(content: Content, windowOn: (path: string) => Window): (at: number, length: number) => Uint8Array {
  if (content.kind === 'bytes') return (at, length) => content.bytes.subarray(at, at + length);
  const window = windowOn(content.path);
  return (at, length) => window.read(content.offset + at, length);
}

/** Whether two contents are the same bytes; they are read only where they have the same length. */
export function sameContent(a: Content, b: Content): boolean {
  const length = lengthOf(a);
  if (length !== lengthOf(b)) return false;
  using windows = new DisposableStack();
  const windowOn = (path: string): Window => windows.use(openWindow(path));
  const [first, second] = [readsOf(a, windowOn), readsOf(b, windowOn)];
  for (let at = 0; at < length; at += pieceSize) {
    const size = Math.min(pieceSize, length - at);
    if (Buffer.compare(first(at, size), second(at, size)) !== 0) return false;
  }
  return true;
}
