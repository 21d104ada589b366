import { join } from 'node:path';

import { AgentError, isAgentError } from '../../../core/errors.ts';
import type { ArchiveEntry } from '../../../core/tree.ts';
import { readAr, type ArMember } from '../../../host/ar.ts';
import { openWindow } from '../../../host/content.ts';
import type { PipingExec } from '../../../host/exec.ts';
import { sha256OfFile } from '../../../host/digest.ts';
import { listNames, makeDirectory, removeTree, rename, temporaryBeside } from '../../../host/files.ts';
import { readTar } from '../../../host/tar.ts';
import { unpack, type Compression } from '../../../host/unpack.ts';
import type { LocalPackage } from '../packages.ts';

export interface DebOptions {
  readonly exec: PipingExec;
  /** Unpacked archives are kept in its directory `unpacked`. */
  readonly cacheDirectory: string;
  readonly signal?: AbortSignal;
}

/** The largest packages of Debian unpack to some gigabytes, and the best compressed ones to some hundred times their size. */
const mostUnpacked = 8 * 1024 ** 3;
const mostRatio = 1000;
const anywayUnpacked = 16 * 1024 ** 2;

/** What a Debian package installs may be compressed in these ways (deb(5), and dpkg-deb(1) for the older ones). */
const compressionOf: Readonly<Record<string, Compression>> = {
  'data.tar': 'none',
  'data.tar.bz2': 'bzip2',
  'data.tar.gz': 'gzip',
  'data.tar.lzma': 'lzma',
  'data.tar.xz': 'xz',
  'data.tar.zst': 'zstd',
};

/**
 * Lists what a Debian package installs, as its archive says it: nothing of it is judged. The archive is unpacked once
 * and kept as `unpacked/<sha256 of the package>-<sha256 of the archive>.tar`; a kept one is used only if its bytes
 * still have that sha256. The contents of files are ranges of it.
 * @throws AgentError `content-refused` where the package is damaged, truncated or no Debian package, `disk-full`
 */
export async function debEntries(pkg: LocalPackage, options: DebOptions): Promise<readonly ArchiveEntry[]> {
  try {
    return readTar(keptArchive(pkg, options) ?? (await unpackArchive(pkg, options)));
  } catch (error) {
    if (!isAgentError(error, 'content-refused')) throw error;
    throw new AgentError('content-refused', `the package ${pkg.name} ${pkg.version} is refused: ${error.message}`, {
      ...error.details,
      cause: error,
    });
  }
}

function directoryOf(options: DebOptions): string {
  return join(options.cacheDirectory, 'unpacked');
}

/** The archive of this package that an earlier call unpacked, if its bytes are what they were; others are removed. */
function keptArchive(pkg: LocalPackage, options: DebOptions): string | undefined {
  const directory = directoryOf(options);
  const kept = listNames(directory).filter((name) => name.startsWith(`${pkg.sha256}-`));
  return kept
    .map((name) => join(directory, name))
    .find((path) => {
      const intact = path === archivePath(pkg, sha256OfFile(path), options);
      if (!intact) removeTree(path);
      return intact;
    });
}

function archivePath(pkg: LocalPackage, sha256: string, options: DebOptions): string {
  return join(directoryOf(options), `${pkg.sha256}-${sha256}.tar`);
}

async function unpackArchive(pkg: LocalPackage, options: DebOptions): Promise<string> {
  const { member, compression } = dataMember(pkg.path);
  makeDirectory(directoryOf(options));
  const temporary = temporaryBeside(archivePath(pkg, '', options));
  const sha256 = await unpack({ path: pkg.path, ...member }, compression, temporary, {
    exec: options.exec,
    limit: Math.min(mostUnpacked, Math.max(anywayUnpacked, member.length * mostRatio)),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const path = archivePath(pkg, sha256, options);
  rename(temporary, path);
  return path;
}

/** The member with what the package installs: `debian-binary` of format 2 comes first (deb(5)). */
function dataMember(path: string): { readonly member: ArMember; readonly compression: Compression } {
  const members = readAr(path);
  const [first] = members;
  if (first?.name !== 'debian-binary' || !startOf(path, first).startsWith('2.')) {
    throw new AgentError('content-refused', `${path} is not a Debian package of format 2`);
  }
  const [member, ...more] = members.filter(({ name }) => name.startsWith('data.tar'));
  const compression = member === undefined ? undefined : compressionOf[member.name];
  if (member === undefined || compression === undefined || more.length > 0) {
    const found = members.map(({ name }) => name).join(', ');
    throw new AgentError('content-refused', `${path} has no single data.tar that we can unpack, but ${found}`);
  }
  return { member, compression };
}

function startOf(path: string, member: ArMember): string {
  using window = openWindow(path, 4096);
  return window.read(member.offset, Math.min(4, member.length)).toString('latin1');
}
