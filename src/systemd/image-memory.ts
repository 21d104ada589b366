import { dirname } from 'node:path';

import { isAgentError } from '../core/errors.ts';
import { fileStatus, makeDirectory, readTextIfAny, writeInPlace } from '../host/files.ts';
import type { ImageFacts } from './image.ts';
import type { FoundImage } from './search.ts';

/** Where facts of images are remembered, so that not every call reads every image again. */
export interface ImageMemory {
  /** Below /run, which only root writes to and which goes with the boot. */
  readonly path: string;
  readonly now: Date;
}

/** Facts by the identity of the image that they were read of. */
export type KnownFacts = ReadonlyMap<string, ImageFacts>;

/** Of the file; another one whenever ImageFacts changes. */
const format = 1;

/** Within one tick of a file system's clock a file can be written twice and look the same; ticks are far shorter. */
const settledMs = 2000;

/** Facts with more text than this are read again rather than remembered, in characters. */
const mostText = 16 * 1024;

/**
 * What is another one whenever the content of an image may be. Nobody sets the time of the last change (`ctime`).
 * @returns undefined for what changes without that showing here: directories, and files that were written just now.
 */
export function identityOf({ kind, realPath }: FoundImage, now: Date): string | undefined {
  const status = kind === 'raw' ? fileStatus(realPath) : undefined;
  if (status === undefined || now.getTime() - status.ctimeMs < settledMs) return undefined;
  return [status.dev, status.ino, status.size, status.mtimeMs, status.ctimeMs].join(' ');
}

/** What was remembered. A file of another format says nothing, nor does one that someone is just writing. */
export function recallFacts({ path }: ImageMemory): KnownFacts {
  const text = readTextIfAny(path);
  if (text === undefined) return new Map();
  try {
    const remembered = JSON.parse(text) as { readonly format: number; readonly facts: Record<string, ImageFacts> };
    return new Map(remembered.format === format ? Object.entries(remembered.facts) : []);
  } catch {
    return new Map();
  }
}

/** Where it cannot be written, as by users other than root, images are only read again. */
export function rememberFacts({ path }: ImageMemory, facts: KnownFacts): void {
  const short = [...facts].filter(([, { releaseFiles }]) => lengthOf(releaseFiles) <= mostText);
  try {
    makeDirectory(dirname(path));
    writeInPlace(path, JSON.stringify({ format, facts: Object.fromEntries(short) }));
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}

function lengthOf(files: ImageFacts['releaseFiles']): number {
  return files.reduce((sum, { text }) => sum + text.length, 0);
}
