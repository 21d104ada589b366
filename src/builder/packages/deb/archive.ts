import { AgentError } from '../../../core/errors.ts';
import type { ArchiveEntry } from '../../../core/tree.ts';
import { readAr, type ArMember } from '../../../host/ar.ts';
import { openWindow } from '../../../host/content.ts';
import { readTar } from '../../../host/tar.ts';
import type { Compression } from '../../../host/unpack.ts';
import type { LocalPackage } from '../packages.ts';
import { naming, unpackedArchive, type ArchiveOptions, type PackedArchive } from '../unpacked.ts';

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
 * Lists what a Debian package installs, as its archive says it: nothing of it is judged. The contents of files are
 * ranges of the unpacked archive, which is kept.
 * @throws AgentError `content-refused` where the package is damaged, truncated or no Debian package, `disk-full`
 */
export function debEntries(pkg: LocalPackage, options: ArchiveOptions): Promise<readonly ArchiveEntry[]> {
  return naming(pkg, async () => {
    const path = await unpackedArchive(pkg, 'tar', () => dataArchive(pkg.path), options);
    return readTar(path);
  });
}

function dataArchive(path: string): PackedArchive {
  const { member, compression } = dataMember(path);
  return { range: { path, ...member }, compression };
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
