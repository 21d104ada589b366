import fs from 'node:fs';
import { createGunzip } from 'node:zlib';

import type { Exec } from './exec.ts';
import { fileError, removeTree, temporaryBeside } from './files.ts';

const pieceSize = 256 * 1024;

/**
 * The content of a file in pieces, unpacked on the way: gzip here, xz by the program xz.
 * @throws AgentError `io` for what is no gzip file, `tool-missing` and `tool-failed` for xz.
 */
export async function* unpacked(
  path: string,
  compression: 'gz' | 'xz' | 'none',
  exec: Exec,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  if (compression === 'xz') {
    yield* unpackedByXz(path, exec, signal);
    return;
  }
  const file = fs.createReadStream(path, { highWaterMark: pieceSize, ...(signal === undefined ? {} : { signal }) });
  try {
    yield* compression === 'none' ? file : gunzipped(file);
  } catch (error) {
    throw fileError(error, 'unpack', path);
  } finally {
    file.destroy();
  }
}

async function* gunzipped(file: fs.ReadStream): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: pieceSize });
  file.on('error', (error) => gunzip.destroy(error));
  yield* file.pipe(gunzip) as AsyncIterable<Buffer>;
}

async function* unpackedByXz(path: string, exec: Exec, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  const plain = temporaryBeside(path);
  // Only a run that unpacks xz pays for loading what runs programs.
  const { runOk } = await import('./exec.ts');
  try {
    const options = { stdoutFile: plain, ...(signal === undefined ? {} : { signal }) };
    await runOk(exec, 'xz', ['--decompress', '--stdout', '--', path], options);
    yield* unpacked(plain, 'none', exec, signal);
  } finally {
    removeTree(plain);
  }
}
