/**
 * One block of LZ4 (the format of lz4_Block_format.md), decompressed as far as `size` bytes: what follows in the input
 * is not looked at. Neither input nor output is ever read or written outside of their bounds.
 * @returns undefined where the input is no such block, or too short for `size` bytes.
 */
export function decompressLz4(input: Uint8Array, size: number): Buffer | undefined {
  const output = Buffer.alloc(size);
  let [from, to] = [0, 0];
  while (to < size) {
    const token = input[from++];
    if (token === undefined) return undefined;
    const literals = lengthAt(input, from, token >> 4);
    if (literals === undefined) return undefined;
    from = literals.end;
    const copied = Math.min(literals.length, size - to);
    if (from + copied > input.length) return undefined;
    output.set(input.subarray(from, from + copied), to);
    from += literals.length;
    to += copied;
    if (to === size) break;
    if (from + 2 > input.length) return undefined;
    const distance = (input[from] ?? 0) | ((input[from + 1] ?? 0) << 8);
    const match = lengthAt(input, from + 2, token & 0xf);
    if (match === undefined || distance === 0 || distance > to) return undefined;
    from = match.end;
    to = repeat(output, to, distance, match.length + shortestMatch);
  }
  return output;
}

const shortestMatch = 4;
/** The value of four bits after which more bytes of length follow, each added, up to one that is not 255. */
const moreFollow = 15;

function lengthAt(
  input: Uint8Array,
  at: number,
  nibble: number,
): { readonly length: number; readonly end: number } | undefined {
  if (nibble !== moreFollow) return { length: nibble, end: at };
  let length = nibble;
  for (let end = at; end < input.length; end++) {
    const byte = input[end] ?? 0;
    length += byte;
    if (byte !== 255) return { length, end: end + 1 };
  }
  return undefined;
}

/** Repeats what lies `distance` before `to`, which may run into itself; returns where it ends, within the output. */
function repeat(output: Buffer, to: number, distance: number, length: number): number {
  const end = Math.min(to + length, output.length);
  // What was copied once may be copied as a whole the next time: the run doubles.
  for (let at = to; at < end;) {
    const piece = Math.min(at - (to - distance), end - at);
    output.copyWithin(at, to - distance, to - distance + piece);
    at += piece;
  }
  return end;
}
