/** CRC-32C as erofs and ext4 take it: all bits set at the start, not inverted at the end. */
export function crc32c(bytes: Uint8Array): number {
  const table = Int32Array.from({ length: 256 }, (_, byte) => remainderOf(byte));
  let crc = -1;
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0);
  return crc >>> 0;
}

/** One byte divided by the reversed polynomial of Castagnoli. */
function remainderOf(byte: number): number {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (0x82f63b78 & -(rest & 1));
  return rest;
}
