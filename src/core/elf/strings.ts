import { Contradiction, type Memory } from './file.ts';

/** Longer than any path that a loader opens. */
const longest = 4096;
/** Most names are shorter. */
const piece = 128;
/** Names may overlap in a file made for it: all of them together are not longer than this. */
const mostCharacters = 1024 * 1024;

/** Reads names from a string table at an address. */
export type Strings = (index: number) => string;

/**
 * The names in a string table of `size` bytes.
 * @throws Contradiction from the names, where they lie outside, do not end or are too much together.
 */
export function stringsAt(memory: Memory, address: number, size: number): Strings {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let total = 0;
  return (index) => {
    if (index >= size) throw new Contradiction(`it names something at ${index} of a string table of ${size} bytes`);
    const most = Math.min(longest, size - index, memory.follow(address + index));
    const bytes = upToNul(memory, address + index, Math.min(piece, most)) ?? upToNul(memory, address + index, most);
    if (bytes === undefined) throw new Contradiction('a name in it does not end');
    total += bytes.length;
    if (total > mostCharacters) throw new Contradiction(`its names have more than ${mostCharacters} bytes`);
    return decoder.decode(bytes);
  };
}

function upToNul(memory: Memory, address: number, length: number): Uint8Array | undefined {
  const view = memory.at(address, length);
  const bytes = new Uint8Array(view.buffer, view.byteOffset, length);
  const end = bytes.indexOf(0);
  return end === -1 ? undefined : bytes.subarray(0, end);
}
