import { join } from 'node:path';

import { isAgentError } from '../core/errors.ts';
import { sysext, type ExtensionClass } from '../core/extension-class.ts';
import { linkStatus, readText } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import { mountedAt } from './drivers/images.ts';

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
  const text = originText(root, hierarchy, sysext);
  return text === undefined ? undefined : parseOrigin(text);
}

function originText(root: string, hierarchy: string, { metadata }: ExtensionClass): string | undefined {
  const path = join(belowRoot(root, hierarchy), metadata, 'origin');
  try {
    const status = linkStatus(path);
    return status?.isFile() === true && status.size <= mostBytes ? readText(path) : undefined;
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return undefined;
  }
}

/**
 * Whether two merged trees were made of the same images in the same way, as systemd-sysext from 260 on compares them, but
 * for the numbers of mounts: those are other ones in every mount namespace. Without origins nothing is known: false.
 */
export function isSameOrigin(root: string, other: string, extensionClass: ExtensionClass = sysext): boolean {
  const [one, two] = [root, other].map((place) =>
    extensionClass.hierarchies.map((hierarchy) => comparable(originText(place, hierarchy, extensionClass))),
  );
  return one !== undefined && one.some((text) => text !== undefined) && JSON.stringify(one) === JSON.stringify(two);
}

function comparable(text: string | undefined): string | undefined {
  const value = objectOf(jsonOf(text ?? ''));
  return value && JSON.stringify(sorted(value));
}

/** The same whatever the order of keys was. */
function sorted(value: unknown): unknown {
  const object = objectOf(value);
  if (object === undefined) return value;
  const entries = Object.entries(object).filter(([key]) => key !== 'onMountId');
  return entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, sorted(inner)]);
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
  // Merges of ours find a directory in place of the file that it is mounted from.
  const mounted = mountedAt(path);
  if (mounted !== undefined) return [{ name, path: `/var/lib/extensions/${name}.raw`, ...mounted }];
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
