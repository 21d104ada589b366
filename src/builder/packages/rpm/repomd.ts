import { AgentError } from '../../../core/errors.ts';
import { XmlReader } from '../../../core/xml.ts';
import type { Compression } from '../../../host/unpack.ts';
import type { PackedIndex } from '../index-cache.ts';

/** What repomd.xml says of a repository: its indexes, and when the newest of them was made. */
export interface Repomd {
  readonly date: Date;
  readonly primary: PackedIndex;
  /** Which package has which file; some repositories have none. */
  readonly filelists: PackedIndex | undefined;
}

interface Data {
  readonly texts: Map<string, string>;
  href: string;
}

const compressionOf: Readonly<Record<string, Compression>> = {
  bz2: 'bzip2',
  gz: 'gzip',
  xml: 'none',
  xz: 'xz',
  zst: 'zstd',
};

/** Elements of `data` whose text counts; `checksum` and `open-checksum` only where they are of sha256. */
const texts: ReadonlySet<string> = new Set(['checksum', 'open-checksum', 'size', 'open-size', 'timestamp']);

/**
 * Reads repomd.xml.
 * @throws AgentError `verification-failed` where it lacks what every later check rests on.
 */
export function parseRepomd(source: string, text: string): Repomd {
  const refuse = (why: string) => new AgentError('verification-failed', `${source} cannot be used: ${why}`);
  const found = readData(text, refuse);
  const primary = found.get('primary');
  const packed = primary === undefined ? undefined : indexOf(primary);
  if (packed === undefined) throw refuse('it names no primary.xml with a sha256, a size and a known compression');
  const times = [...found.values()].map((data) => Number(data.texts.get('timestamp') ?? 0)).filter(Number.isFinite);
  const filelists = found.get('filelists');
  return {
    date: new Date(Math.min(Math.max(0, ...times), 0xffff_ffff) * 1000),
    primary: packed,
    filelists: filelists === undefined ? undefined : indexOf(filelists),
  };
}

function readData(text: string, refuse: (why: string) => AgentError): ReadonlyMap<string, Data> {
  const found = new Map<string, Data>();
  let data: Data | undefined;
  let element: string | undefined;
  const reader = new XmlReader(
    {
      open: (name, attributes) => {
        if (name === 'data') found.set(attributes().get('type') ?? '', (data = { texts: new Map(), href: '' }));
        if (name === 'location' && data !== undefined) data.href = attributes().get('href') ?? '';
        const isOther = name.endsWith('checksum') && attributes().get('type') !== 'sha256';
        element = data !== undefined && texts.has(name) && !isOther ? name : undefined;
      },
      text: (piece) => {
        if (element !== undefined) data?.texts.set(element, (data.texts.get(element) ?? '') + piece.trim());
      },
      close: (name) => {
        element = undefined;
        if (name === 'data') data = undefined;
      },
    },
    refuse,
  );
  reader.write(text);
  reader.end();
  return found;
}

function indexOf({ texts: said, href }: Data): PackedIndex | undefined {
  const compression = compressionOf[href.slice(href.lastIndexOf('.') + 1)];
  const packed = fileOf(href, said.get('checksum'), said.get('size'));
  if (packed === undefined || compression === undefined || !isInside(href)) return undefined;
  return { compression, packed, plain: fileOf(href, said.get('open-checksum'), said.get('open-size')) };
}

function fileOf(path: string, sha256 = '', size = '') {
  return /^[0-9a-f]{64}$/.test(sha256) && /^\d{1,15}$/.test(size) ? { path, sha256, size: Number(size) } : undefined;
}

/** A path that stays below the repository and means itself in an address. */
function isInside(path: string): boolean {
  return /^[\w.+~-]+(\/[\w.+~-]+)*$/.test(path) && !path.split('/').some((part) => part === '.' || part === '..');
}

/** What a metalink promises of repomd.xml, and where it is (RFC 5854's forerunner, as MirrorManager writes it). */
export interface Metalink {
  /** The sha256 sums of the present repomd.xml and of those before it that mirrors may still have. */
  readonly checksums: readonly string[];
  /** Base addresses of mirrors, the preferred first. */
  readonly mirrors: readonly string[];
}

/** @throws AgentError `verification-failed` where it promises nothing. */
export function parseMetalink(source: string, text: string): Metalink {
  const refuse = (why: string) => new AgentError('verification-failed', `${source} cannot be used: ${why}`);
  const checksums: string[] = [];
  const mirrors: { readonly url: string; readonly preference: number }[] = [];
  let preference = 0;
  let taking: 'hash' | 'url' | undefined;
  const reader = new XmlReader(
    {
      open: (name, attributes) => {
        preference = Number(attributes().get('preference') ?? 0);
        taking = name === 'url' || (name === 'hash' && attributes().get('type') === 'sha256') ? name : undefined;
      },
      text: (piece) => {
        if (taking === 'hash') checksums.push(piece.trim());
        if (taking === 'url') mirrors.push({ url: piece.trim(), preference });
        taking = undefined;
      },
      close: () => {
        taking = undefined;
      },
    },
    refuse,
  );
  reader.write(text);
  reader.end();
  if (checksums.length === 0) throw refuse('it gives no sha256 of repomd.xml');
  const sorted = mirrors.toSorted((a, b) => b.preference - a.preference);
  return { checksums, mirrors: sorted.flatMap(({ url }) => mirrorOf(url)) };
}

/** A mirrorlist: one base address in a line. */
export function parseMirrorList(text: string): readonly string[] {
  return text.split('\n').flatMap((line) => mirrorOf(line.trim()));
}

/** The base of a mirror; none for what is not fetched over HTTP. */
function mirrorOf(url: string): readonly string[] {
  const base = url.replace(/\/repodata\/repomd\.xml$/, '').replace(/\/+$/, '');
  return /^https?:\/\//.test(base) && URL.canParse(base) ? [base] : [];
}
