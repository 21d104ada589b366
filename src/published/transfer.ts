import { join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { fetched, ofTheStore, type VerifiedImage } from '../core/verified-image.ts';
import { freeSpace } from '../host/disk-space.ts';
import type { PipingExec } from '../host/exec.ts';
import { sha256OfFile } from '../host/digest.ts';
import { fileStatus, makeDirectory, removeTree, rename } from '../host/files.ts';
import { removeOld } from '../host/leftovers.ts';
import { leftFiles, ownedPath, ownFiles, share, takeOver } from '../host/owned.ts';
import type { Progress } from '../host/progress.ts';
import { unpack } from '../host/unpack.ts';
import { sentFor, type Blob, type Offer, type Publisher, type Sent } from './publisher.ts';
import type { Voucher } from './trust/voucher.ts';

/** Where images come to. */
export interface Landing {
  /** A directory of ours, where unfinished files are found again; on the file system that the images are for. */
  readonly directory: string;
  readonly exec: PipingExec;
  readonly now: Date;
  /** The image that was in this blob, where it came to this host before and is still there. */
  readonly known: (blob: string) => KnownImage | undefined;
  /** Makes the image of the tree in tar archives, each over those before it. */
  readonly imageOf: (archives: readonly string[], output: string) => Promise<void>;
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
  const arriving = { publisher, offer, sent: offer.blob, landing };
  return { path: await arrive(arriving, 'raw'), sha256: offer.blob.sha256 };
}

async function fetchPacked(publisher: Publisher, offer: Offer, landing: Landing): Promise<KnownImage> {
  if (offer.blob.layers !== undefined) requireRoom(offer, landing.directory);
  const arrived = new Map<string, string>();
  try {
    for (const sent of sentFor(offer.blob))
      arrived.set(sent.sha256, await arrive({ publisher, offer, sent, landing }, 'packed'));
    for (const left of leftFiles(landing.directory, { kinds: ['unpacked', 'made'] })) removeTree(left);
    const image = await imageIn(offer.blob, arrived, landing);
    for (const path of arrived.values()) removeTree(path);
    return image;
  } catch (error) {
    for (const [sha256, path] of arrived) leave(path, join(landing.directory, `${sha256}.packed`));
    throw error;
  }
}

/** Lets go of what has arrived: it is for the next one who wants it, in this process as in others. */
function leave(path: string, unowned: string): void {
  takeOver([path], unowned);
}

interface Arriving {
  readonly publisher: Publisher;
  readonly offer: Offer;
  readonly sent: Sent;
  readonly landing: Landing;
}

/**
 * Brings what is sent here, to a file of ours; what a killed process had fetched to its end is not fetched again. An image
 * that this process has already may still be on its way into the store, or have been refused: both have it then.
 */
async function arrive(arriving: Arriving, kind: 'raw' | 'packed'): Promise<string> {
  const { sent, landing } = arriving;
  const { directory } = landing;
  const path = ownedPath(directory, sent.sha256, kind);
  const isHere =
    takeOver(leftFiles(directory, { kinds: [kind], stem: sent.sha256 }), path) ||
    share(ownFiles(directory, { kinds: ['raw'], stem: sent.sha256 }), path);
  if (isHere && holds(path, sent.sha256)) return path;
  removeTree(path);
  await fetchSent(arriving, path);
  return path;
}

/**
 * Takes the image out of what has arrived.
 * @param arrived where each is, by its sha256.
 */
async function imageIn(blob: Blob, arrived: ReadonlyMap<string, string>, landing: Landing): Promise<KnownImage> {
  const made = ownedPath(landing.directory, blob.sha256, 'made');
  const opened = new Map<string, KnownImage>();
  try {
    for (const sent of sentFor(blob)) opened.set(sent.sha256, await open(sent, arrived, landing));
    const parts = (blob.layers ?? [blob]).flatMap(({ sha256 }) => opened.get(sha256) ?? []);
    const [only] = parts;
    if (blob.form === 'raw' && only !== undefined) return put(landing, only.path, only.sha256);
    const archives = parts.map(({ path }) => path);
    await landing.imageOf(archives, made);
    return put(landing, made, sha256OfFile(made));
  } finally {
    for (const [sha256, { path }] of opened) if (path !== arrived.get(sha256)) removeTree(path);
    removeTree(made);
  }
}

/** What has arrived, unpacked where it was packed. */
async function open(sent: Sent, arrived: ReadonlyMap<string, string>, landing: Landing): Promise<KnownImage> {
  const path = arrived.get(sent.sha256) ?? '';
  if (sent.compression === 'none') return { path, sha256: sent.sha256 };
  const unpacked = ownedPath(landing.directory, sent.sha256, 'unpacked');
  return { path: unpacked, sha256: await unpackSent(sent, path, unpacked, landing) };
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

async function fetchSent({ publisher, offer, sent, landing }: Arriving, path: string): Promise<void> {
  const { sha256, size } = sent;
  if (sent === offer.blob) requireRoom(offer, landing.directory);
  const file = { path, sha256, maxSize: mostImageBytes, ...(size === undefined ? {} : { size }) };
  const { progress, signal } = landing;
  await publisher.fetch(offer, file, {
    ...(progress === undefined ? {} : { progress }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** What is packed takes the room of both for a while. */
function requireRoom(offer: Offer, directory: string): void {
  const { reference, blob } = offer;
  const { size = 0 } = blob;
  if (size > mostImageBytes) throw tooLarge(offer);
  const needed = (isImage(blob) ? size : 2 * size) + reserve;
  const free = freeSpace(directory);
  if (free >= needed) return;
  throw new AgentError('disk-full', `there is no room for ${reference}`, {
    facts: [`it takes ${needed} bytes with what stays free`, `${directory} has ${free}`],
    left: 'Nothing was fetched.',
    next: '`sysext-agent gc --keep=2` removes images that only older sets need.',
  });
}

async function unpackSent(sent: Sent, arrived: string, output: string, landing: Landing): Promise<string> {
  const length = fileStatus(arrived)?.size ?? 0;
  const { exec, signal } = landing;
  return unpack({ path: arrived, offset: 0, length }, sent.compression, output, {
    exec,
    limit: Math.min(mostImageBytes, Math.max(0, freeSpace(landing.directory) - reserve)),
    ...(signal === undefined ? {} : { signal }),
  });
}

function tooLarge({ reference, blob: { size = 0 } }: Offer): AgentError {
  return new AgentError('content-refused', `${reference} has ${size} bytes, and at most ${mostImageBytes} are taken`);
}
