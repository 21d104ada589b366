import { join } from 'node:path';

import { jsonMatch } from '../../core/json.ts';
import { quote } from '../../core/yaml/text.ts';
import { fileStatus, makeTemporaryDirectory } from '../../host/files.ts';
import { shown, type FileHash } from '../../host/http.ts';
import { saveFile } from '../../host/save.ts';
import type { HttpSource } from '../spec/sources.ts';
import type { Fetching, SettledSource } from './means.ts';
import { notInCache, wrongSource } from './missing.ts';

/** The largest file that is taken, in bytes. */
const mostBytes = 16 * 1024 ** 3;

/**
 * A file from the web. With a digest it is one file for ever; without one it is fetched anew each time, and what came is
 * said.
 */
export async function settleHttp(name: string, source: HttpSource, means: Fetching): Promise<SettledSource> {
  const { url, digest, permissions: mode = 0o644 } = source;
  if (!/^https?:\/\//i.test(url.value))
    throw wrongSource(name, url.position, 'http.url', `${quote(shown(url.value))} is no http or https address`);
  const hash = digest === undefined ? await hashNow(name, url.value, means) : hashOf(digest.value);
  const { algorithm, hex } = hash;
  return {
    identity: `http ${algorithm}:${hex} ${mode.toString(8)}`,
    materials: [{ name, uri: shown(url.value), digest: { [algorithm]: hex } }],
    warnings: digest === undefined ? [unpinned(name, url.value, hash)] : [],
    files: async () => {
      if (!means.store.has(hash)) await fetchKnown(name, url.value, hash, means);
      const path = means.store.pathOf(hash);
      const content = { kind: 'range', path, offset: 0, length: fileStatus(path)?.size ?? 0 } as const;
      return { nodes: [{ kind: 'file', path: '', mode, mtime: 0, content }] };
    },
  };
}

/** A digest as the decoder of specs has let it pass. */
function hashOf(digest: string): FileHash {
  const [algorithm = '', hex = ''] = digest.split(':');
  return { algorithm: algorithm as FileHash['algorithm'], hex };
}

async function fetchKnown(name: string, url: string, hash: FileHash, means: Fetching): Promise<void> {
  const { http, progress, store, signal, offline } = means;
  if (offline) throw notInCache(name);
  progress.step(`fetching the source ${name}`);
  const file = { path: store.pathOf(hash), hash, maxSize: mostBytes };
  await http.download(url, file, { progress, ...(signal === undefined ? {} : { signal }) });
}

const kind = 'http';

/** What is behind an address now, fetched whole; offline, what was there the last time. */
async function hashNow(name: string, url: string, means: Fetching): Promise<FileHash> {
  const { http, clock, progress, store, signal, offline, work } = means;
  if (offline) {
    const hex = store.note(kind, url, jsonMatch(/^[0-9a-f]{64}$/, 'a sha256'));
    if (hex === undefined) throw notInCache(name);
    return { algorithm: 'sha256', hex };
  }
  progress.step(`fetching the source ${name}`);
  const path = join(makeTemporaryDirectory(work), 'file');
  const options = { http, clock, maxSize: mostBytes, progress, ...(signal === undefined ? {} : { signal }) };
  const hex = await saveFile(url, path, options);
  store.adopt(path, hex);
  store.remember(kind, url, hex);
  return { algorithm: 'sha256', hex };
}

function unpinned(name: string, url: string, { algorithm, hex }: FileHash): string {
  const said = `${shown(url)} gave ${algorithm}:${hex}`;
  return `the source ${quote(name)} has no digest, so anything could come: ${said}; write that into the spec as its digest`;
}
