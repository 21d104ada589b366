import { crc32 } from 'node:zlib';

import { partitionTypes } from './gpt-types.ts';
import { damaged, truncated, type ImageBytes } from './image-bytes.ts';

/** Reads partition tables (UEFI specification, chapter 5) of disk images. */

export interface Partition {
  /** What the Discoverable Partitions specification (UAPI.2) calls its type, or the type's UUID where it is no such. */
  readonly type: string;
  readonly label: string;
  /** Place and size in the image, in bytes. */
  readonly offset: number;
  readonly size: number;
  /** Whether systemd is told to pass it over. */
  readonly passedOver: boolean;
}

const signature = 'EFI PART';
const headerSize = 92;
/** 128 entries of 128 bytes are usual. */
const largestTable = 1024 * 1024;
const mostEntries = 1024;
const smallestEntry = 128;

/** The size of a sector of a GPT disk image; undefined for what is none. */
function sectorSizeOf(image: ImageBytes): number | undefined {
  return [512, 4096].find(
    (sector) => image.size >= 2 * sector && image.read(sector, signature.length).toString('latin1') === signature,
  );
}

export function isGpt(image: ImageBytes): boolean {
  return sectorSizeOf(image) !== undefined;
}

/**
 * The partitions of an image that isGpt(), in the order of the table.
 * @throws AgentError `invalid-image` where it is damaged or shorter than it says.
 */
export function readPartitions(image: ImageBytes): readonly Partition[] {
  const sector = sectorSizeOf(image) ?? 512;
  checkProtection(image);
  const header = image.read(sector, Math.min(sector, image.size - sector));
  const length = header.readUInt32LE(12);
  if (length < headerSize || length > sector)
    throw damaged(image.name, `its partition table has a head of ${length} bytes`);
  verify(image, header.subarray(0, length));
  const last = place(header, 32) * sector + sector;
  if (last > image.size) throw truncated(image.name, last, image.size);
  const [count, size] = [header.readUInt32LE(80), header.readUInt32LE(84)];
  if (count > mostEntries || size < smallestEntry || count * size > largestTable) {
    throw damaged(image.name, `its partition table has ${count} entries of ${size} bytes`);
  }
  const table = image.read(place(header, 72) * sector, count * size);
  if (crc32(table) !== header.readUInt32LE(88))
    throw damaged(image.name, 'its partition table does not match its checksum');
  const entries = Array.from({ length: count }, (_, index) => table.subarray(index * size, (index + 1) * size));
  const used = entries.filter((entry) => !entry.subarray(0, 16).every((byte) => byte === 0));
  return used.map((entry) => readEntry(image, entry, sector));
}

/** Without a partition of the type 0xee in its first sector nothing takes an image for GPT. */
function checkProtection(image: ImageBytes): void {
  const sector = image.read(0, 512);
  const types = [0, 1, 2, 3].map((index) => sector.readUInt8(446 + index * 16 + 4));
  if (sector.readUInt16LE(510) !== 0xaa55 || !types.includes(0xee)) {
    throw damaged(image.name, 'it has a GPT without the MBR that protects it');
  }
}

function verify(image: ImageBytes, header: Buffer): void {
  const expected = header.readUInt32LE(16);
  header.writeUInt32LE(0, 16);
  if (crc32(header) !== expected)
    throw damaged(image.name, 'the head of its partition table does not match its checksum');
}

/** A number of a sector. One that no number of ours can be leads outside of every image. */
function place(bytes: Buffer, at: number): number {
  return Number(bytes.readBigUInt64LE(at));
}

const noAuto = 1n << 63n;

function readEntry(image: ImageBytes, entry: Buffer, sector: number): Partition {
  const [first, last] = [place(entry, 32), place(entry, 40)];
  const [offset, size] = [first * sector, (last - first + 1) * sector];
  if (size <= 0 || offset + size > image.size) {
    throw damaged(image.name, `a partition is from sector ${first} to ${last} of ${Math.floor(image.size / sector)}`);
  }
  const uuid = uuidOf(entry);
  const label = entry.toString('utf16le', 56, smallestEntry).replace(/\0.*$/s, '');
  return {
    type: partitionTypes.get(uuid) ?? uuid,
    label,
    offset,
    size,
    passedOver: (entry.readBigUInt64LE(48) & noAuto) !== 0n,
  };
}

/** The first three fields of a UUID are little endian here. */
function uuidOf(bytes: Buffer): string {
  const number = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  return [
    number(bytes.readUInt32LE(0), 8),
    number(bytes.readUInt16LE(4), 4),
    number(bytes.readUInt16LE(6), 4),
    bytes.toString('hex', 8, 10),
    bytes.toString('hex', 10, 16),
  ].join('-');
}
