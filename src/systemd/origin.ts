import { join } from 'node:path';

import { linkStatus, readText } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import { isAgentError } from '../core/errors.ts';

/** What systemd-sysext says of one image that it merged. Times in µs; what it does not say is absent. */
export interface OriginImage {
  readonly name: string;
  /** Below the root, symbolic links resolved. */
  readonly path: string;
  readonly inode?: number;
  readonly mtime?: number;
  readonly birth?: number;
  /** Of an image with verity, instead of all others. */
  readonly verityHash?: string;
}

/** A thousand images take about 300 KiB. */
const mostBytes = 4 * 1024 * 1024;

/**
 * Reads the file `origin` that systemd-sysext from 260 on leaves in a hierarchy that it merged. Before, what is there is
 * a file of an extension.
 * @returns undefined where there is none, or nothing that can be read as one.
 */
export function readOrigin(root: string, hierarchy: string): OriginImage[] | undefined {
  const path = join(belowRoot(root, hierarchy), '.systemd-sysext/origin');
  try {
    const status = linkStatus(path);
    return status?.isFile() === true && status.size <= mostBytes ? parseOrigin(readText(path)) : undefined;
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return undefined;
  }
}

/** Whatever the text is, nothing is thrown: it lies in a tree that others have filled. */
export function parseOrigin(text: string): OriginImage[] | undefined {
  const extensions = objectOf(objectOf(jsonOf(text))?.['extensions']);
  return extensions && Object.entries(extensions).flatMap(([name, value]) => imageOf(name, objectOf(value)));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Readonly<Record<string, unknown>>)
    : undefined;
}

function imageOf(name: string, fields: Readonly<Record<string, unknown>> = {}): OriginImage[] {
  const { path, inode, mtime, crtime, verityHash } = fields;
  if (typeof path !== 'string') return [];
  return [
    {
      name,
      path,
      ...numberField('inode', inode),
      ...numberField('mtime', mtime),
      ...numberField('birth', crtime),
      ...(typeof verityHash === 'string' ? { verityHash } : {}),
    },
  ];
}

/** 0 stands for what is not known. */
function numberField<K extends string>(key: K, value: unknown): Partial<Record<K, number>> {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
    ? ({ [key]: value } as Record<K, number>)
    : {};
}
