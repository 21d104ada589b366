import { readElf, type ElfReading } from '../core/elf/read.ts';
import { lengthOf, type Content } from '../core/tree.ts';
import { openWindow, type Window } from './content.ts';

/** As much as the reader of ELF files wants in one piece. */
const windowSize = 64 * 1024;

/** Reads ELF files one after the other; the file of the last one stays open for the next. */
export interface ElfFiles extends Disposable {
  readContent(content: Content): ElfReading;
}

export function openElfFiles(): ElfFiles {
  let open: { readonly path: string; readonly window: Window } | undefined;
  const close = (): void => {
    open?.window[Symbol.dispose]();
    open = undefined;
  };
  const windowOn = (path: string): Window => {
    if (open?.path === path) return open.window;
    close();
    open = { path, window: openWindow(path, windowSize) };
    return open.window;
  };
  return {
    readContent: (content) => {
      const size = lengthOf(content);
      if (content.kind === 'bytes') {
        return readElf({ size, read: (offset, length) => content.bytes.subarray(offset, offset + length) });
      }
      const window = windowOn(content.path);
      return readElf({ size, read: (offset, length) => window.read(content.offset + offset, length) });
    },
    [Symbol.dispose]: close,
  };
}

/** Reads a whole file as an ELF file. */
export function readElfFile(path: string): ElfReading {
  using window = openWindow(path, windowSize);
  return readElf({ size: window.size, read: (offset, length) => window.read(offset, length) });
}
