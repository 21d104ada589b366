import { join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { fetched, ofTheStore, type VerifiedImage } from '../core/verified-image.ts';
import { freeSpace } from '../host/disk-space.ts';
import type { PipingExec } from '../host/exec.ts';
import { sha256OfFile } from '../host/digest.ts';
import { fileStatus, listNames, makeDirectory, removeTree, rename } from '../host/files.ts';
import { removeOld } from '../host/leftovers.ts';
import { processMark } from '../host/processes.ts';
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
  if (known !== undefined) return ofTheStore(known.path, known.sha256);
  makeDirectory(landing.directory, 0o700);
  removeOld(landing.directory, landing.now, 7);
  const sha256 = await (blob.compression === 'none' ? fetchImage : fetchPacked)(publisher, offer, landing);
  return fetched(imagePath(landing, sha256), sha256, voucher.by);
}

function imagePath({ directory }: Landing, sha256: string): string {
  return join(directory, `${sha256}.raw`);
}

/** What a killed process had fetched to its end is not fetched again. */
async function fetchImage(publisher: Publisher, offer: Offer, landing: Landing): Promise<string> {
  const { sha256 } = offer.blob;
  const path = imagePath(landing, sha256);
  if (!holds(path, sha256)) await fetchBlob(publisher, offer, path, landing);
  return sha256;
}

async function fetchPacked(publisher: Publisher, offer: Offer, landing: Landing): Promise<string> {
  const { blob } = offer;
  const arrived = join(landing.directory, `${blob.sha256}.packed`);
  if (!holds(arrived, blob.sha256)) await fetchBlob(publisher, offer, arrived, landing);
  const sha256 = await unpackBlob(blob, arrived, landing);
  removeTree(arrived);
  return sha256;
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
function requireRoom({ reference, blob: { size = 0, compression } }: Offer, directory: string): void {
  const needed = (compression === 'none' ? size : 2 * size) + reserve;
  const free = freeSpace(directory);
  if (free >= needed) return;
  throw new AgentError('disk-full', `there is no room for ${reference}`, {
    facts: [`it takes ${needed} bytes with what stays free`, `${directory} has ${free}`],
    left: 'Nothing was fetched.',
    next: '`sysext-agent gc --keep=2` removes images that only older sets need.',
  });
}

async function unpackBlob(blob: Blob, arrived: string, landing: Landing): Promise<string> {
  removeOfDead(landing.directory);
  const output = join(landing.directory, `${blob.sha256}.${process.pid}.unpacked`);
  const length = fileStatus(arrived)?.size ?? 0;
  const { exec, signal } = landing;
  const sha256 = await unpack({ path: arrived, offset: 0, length }, blob.compression, output, {
    exec,
    limit: Math.min(mostImageBytes, Math.max(0, freeSpace(landing.directory) - reserve)),
    ...(signal === undefined ? {} : { signal }),
  });
  rename(output, imagePath(landing, sha256));
  return sha256;
}

function removeOfDead(directory: string): void {
  for (const name of listNames(directory)) {
    const pid = /\.(\d+)\.unpacked$/.exec(name)?.[1];
    if (pid !== undefined && processMark(Number(pid)) === undefined) removeTree(join(directory, name));
  }
}

function tooLarge({ reference, blob: { size = 0 } }: Offer): AgentError {
  return new AgentError('content-refused', `${reference} has ${size} bytes, and at most ${mostImageBytes} are taken`);
}
