import { gzipSync } from 'node:zlib';

/** As `gzip -9n`: neither a name nor a time is in it, so that the same bytes always give the same. */
export function gzipped(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes, { level: 9 });
}
