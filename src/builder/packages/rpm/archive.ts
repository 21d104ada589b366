import { AgentError } from '../../../core/errors.ts';
import type { ArchiveEntry } from '../../../core/tree.ts';
import { openWindow } from '../../../host/content.ts';
import { readCpio, type ListedEntry } from '../../../host/cpio.ts';
import type { Compression } from '../../../host/unpack.ts';
import type { LocalPackage } from '../packages.ts';
import { naming, unpackedArchive, type ArchiveOptions, type PackedArchive } from '../unpacked.ts';
import type { RpmHeader } from './header.ts';
import { readRpmFile, tags } from './package-file.ts';

/** What the header says of the payload, by rpm's names. */
const compressionOf: Readonly<Record<string, Compression>> = {
  bzip2: 'bzip2',
  gzip: 'gzip',
  lzma: 'lzma',
  xz: 'xz',
  zstd: 'zstd',
};

/**
 * Lists what an rpm package installs, as its archive says it: nothing of it is judged. The contents of files are ranges
 * of the unpacked archive, which is kept.
 * @throws AgentError `content-refused` where the package is damaged, truncated or no rpm package, `disk-full`
 */
export function rpmEntries(pkg: LocalPackage, options: ArchiveOptions): Promise<readonly ArchiveEntry[]> {
  return naming(pkg, async () => {
    const { header } = readRpmFile(pkg.path);
    const path = await unpackedArchive(pkg, 'cpio', () => payloadOf(pkg.path), options);
    return readCpio(path, listedFiles(header));
  });
}

function payloadOf(path: string): PackedArchive {
  const { header, payload } = readRpmFile(path);
  const format = header.text(tags.payloadFormat) ?? 'cpio';
  if (format !== 'cpio')
    throw new AgentError('content-refused', `${path} has a payload of the kind ${format}, not cpio`);
  const name = header.text(tags.payloadCompressor);
  const compression = name === undefined ? unnamedCompression(path, payload.offset) : compressionOf[name];
  if (compression === undefined)
    throw new AgentError('content-refused', `${path} is packed with ${name ?? 'nothing'}, which we cannot unpack`);
  return { range: payload, compression };
}

/** rpm reads a payload of no named compression as gzip, which passes on what is not packed at all. */
function unnamedCompression(path: string, offset: number): Compression {
  using window = openWindow(path, 4096);
  const isGzip = offset + 2 <= window.size && window.read(offset, 2).readUInt16BE(0) === 0x1f8b;
  return isGzip ? 'gzip' : 'none';
}

/** The files of the header, whose numbers stand for names in archives with files of more than four gigabytes. */
function listedFiles(header: RpmHeader): readonly ListedEntry[] {
  const sizes = header.numbers(tags.longFileSizes);
  // Only such packages have sizes of 64 bits; all others name their files in the archive.
  if (sizes.length === 0) return [];
  const directories = header.texts(tags.directories);
  const indexes = header.numbers(tags.directoryIndexes);
  const [modes, times, inodes] = [tags.fileModes, tags.fileTimes, tags.fileInodes].map((tag) => header.numbers(tag));
  const targets = header.texts(tags.fileTargets);
  return header.texts(tags.baseNames).map((baseName, index) => ({
    name: `.${directories[indexes[index] ?? -1] ?? '/'}${baseName}`,
    mode: modes?.[index] ?? 0,
    mtime: times?.[index] ?? 0,
    size: sizes[index] ?? 0,
    inode: String(inodes?.[index] ?? index),
    target: targets[index] ?? '',
  }));
}
