import { AgentError } from '../core/errors.ts';
import { fetched, ofTheStore, type VerifiedImage } from '../core/verified-image.ts';
import { freeSpace } from '../host/disk-space.ts';
import type { PipingExec } from '../host/exec.ts';
import { sha256OfFile } from '../host/digest.ts';
import { fileStatus, makeDirectory, removeTree, rename } from '../host/files.ts';
import { removeOld } from '../host/leftovers.ts';
import { leftFiles, ownedPath, takeOver } from '../host/owned.ts';
import type { Progress } from '../host/progress.ts';
import { unpack } from '../host/unpack.ts';
import type { Blob, Offer, Publisher } from './publisher.ts';
import type { Voucher } from './trust/voucher.ts';

/** Where images come to. */
export interface Landing {
  /** A directory of ours, where unfinished files are found again; on the file system that the images are for. */
  readonly directory: string;
  readonly exec: PipingExec;
  readonly now: Date;
  /** The image that was in this blob, where it came to this host before and is still there. */
  readonly known: (blob: string) => KnownImage | undefined;
  /** Makes the image of the tree in a tar archive. */
  readonly imageOf: (archive: string, output: string) => Promise<void>;
  readonly progress?: Progress;
  readonly signal?: AbortSignal;
}

export interface KnownImage {
  readonly path: string;
  readonly sha256: string;
}

/** The most that an image may take, in bytes, packed as well as unpacked. */
export const mostImageBytes = 16 * 1024 ** 3;

/** What stays free besides, for everyone else, in bytes. */
const reserve = 64 * 1024 ** 2;

/**
 * Brings the image of an offer here. What has arrived stays when it is interrupted, and a later call goes on from there; it is
 * packed out only when it is known to be what is vouched for.
 * @throws AgentError `disk-full` before a byte is fetched where there is no room, `verification-failed`, `content-refused` for
 * what does not unpack, `network`, `interrupted`.
 */
export async function transfer(
  publisher: Publisher,
  offer: Offer,
  voucher: Voucher,
  landing: Landing,
): Promise<VerifiedImage> {
  const { blob } = offer;
  if (voucher.sha256 !== blob.sha256) throw new AgentError('internal', `${voucher.by} vouches for something else`);
  const known = landing.known(blob.sha256);
  if (known !== undefined && holds(known.path, known.sha256)) return ofTheStore(known.path, known.sha256);
  makeDirectory(landing.directory, 0o700);
  removeOld(landing.directory, landing.now, 7);
  const { path, sha256 } = await (isImage(blob) ? fetchImage : fetchPacked)(publisher, offer, landing);
  return fetched(path, sha256);
}

/** Whether what is sent is the image as it is. */
function isImage({ compression, form }: Blob): boolean {
  return compression === 'none' && form === 'raw';
}

async function fetchImage(publisher: Publisher, offer: Offer, landing: Landing): Promise<KnownImage> {
  return { path: await arrive(publisher, offer, landing, 'raw'), sha256: offer.blob.sha256 };
}

async function fetchPacked(publisher: Publisher, offer: Offer, landing: Landing): Promise<KnownImage> {
  const arrived = await arrive(publisher, offer, landing, 'packed');
  for (const left of leftFiles(landing.directory, { kinds: ['unpacked', 'made'] })) removeTree(left);
  const image = await imageIn(offer.blob, arrived, landing);
  removeTree(arrived);
  return image;
}

/** Brings what is sent here, to a file of ours; what a killed process had fetched to its end is not fetched again. */
async function arrive(publisher: Publisher, offer: Offer, landing: Landing, kind: 'raw' | 'packed'): Promise<string> {
  const { directory } = landing;
  const { sha256 } = offer.blob;
  const path = ownedPath(directory, sha256, kind);
  const left = leftFiles(directory, { kinds: [kind], stem: sha256, evenOwn: true });
  if (!takeOver(left, path) || !holds(path, sha256)) await fetchBlob(publisher, offer, path, landing);
  return path;
}

/** Takes the image out of what has arrived. */
async function imageIn(blob: Blob, arrived: string, landing: Landing): Promise<KnownImage> {
  const { directory } = landing;
  const unpacked = ownedPath(directory, blob.sha256, 'unpacked');
  const made = ownedPath(directory, blob.sha256, 'made');
  try {
    const isPacked = blob.compression !== 'none';
    const unpackedSha256 = isPacked ? await unpackBlob(blob, arrived, unpacked, landing) : blob.sha256;
    if (blob.form === 'raw') return put(landing, unpacked, unpackedSha256);
    await landing.imageOf(isPacked ? unpacked : arrived, made);
    return put(landing, made, sha256OfFile(made));
  } finally {
    removeTree(unpacked);
    removeTree(made);
  }
}

function put({ directory }: Landing, file: string, sha256: string): KnownImage {
  const path = ownedPath(directory, sha256, 'raw');
  rename(file, path);
  for (const left of leftFiles(directory, { kinds: ['raw'], stem: sha256 })) removeTree(left);
  return { path, sha256 };
}

function holds(path: string, sha256: string): boolean {
  return fileStatus(path) !== undefined && sha256OfFile(path) === sha256;
}

async function fetchBlob(publisher: Publisher, offer: Offer, path: string, landing: Landing): Promise<void> {
  const { sha256, size } = offer.blob;
  if (size !== undefined && size > mostImageBytes) throw tooLarge(offer);
  requireRoom(offer, landing.directory);
  const file = { path, sha256, maxSize: mostImageBytes, ...(size === undefined ? {} : { size }) };
  const { progress, signal } = landing;
  await publisher.fetch(offer, file, {
    ...(progress === undefined ? {} : { progress }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** What is packed takes the room of both for a while. */
function requireRoom({ reference, blob }: Offer, directory: string): void {
  const { size = 0 } = blob;
  const needed = (isImage(blob) ? size : 2 * size) + reserve;
  const free = freeSpace(directory);
  if (free >= needed) return;
  throw new AgentError('disk-full', `there is no room for ${reference}`, {
    facts: [`it takes ${needed} bytes with what stays free`, `${directory} has ${free}`],
    left: 'Nothing was fetched.',
    next: '`sysext-agent gc --keep=2` removes images that only older sets need.',
  });
}

async function unpackBlob(blob: Blob, arrived: string, output: string, landing: Landing): Promise<string> {
  const length = fileStatus(arrived)?.size ?? 0;
  const { exec, signal } = landing;
  return unpack({ path: arrived, offset: 0, length }, blob.compression, output, {
    exec,
    limit: Math.min(mostImageBytes, Math.max(0, freeSpace(landing.directory) - reserve)),
    ...(signal === undefined ? {} : { signal }),
  });
}

function tooLarge({ reference, blob: { size = 0 } }: Offer): AgentError {
  return new AgentError('content-refused', `${reference} has ${size} bytes, and at most ${mostImageBytes} are taken`);
}
