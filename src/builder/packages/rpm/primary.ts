import { XmlReader, type RefuseXml, type XmlHandler } from '../../../core/xml.ts';

/** A name that a package provides. */
export interface Provided {
  readonly name: string;
  /** `epoch:version-release`, as far as it is given; empty where no version is. */
  readonly version: string;
}

/** A package as primary.xml lists it; nothing of it was judged. */
export interface ListedPackage {
  readonly name: string;
  readonly arch: string;
  readonly epoch: string;
  readonly version: string;
  readonly release: string;
  readonly checksumType: string;
  readonly checksum: string;
  readonly size: number;
  /** Relative to the base of the repository. */
  readonly location: string;
  /** Whether the package is said to be somewhere else than in the repository. */
  readonly elsewhere: boolean;
  readonly provides: readonly Provided[];
  /** The files that are listed here, and not in filelists.xml alone. */
  readonly files: readonly string[];
}

/** Elements whose text counts. */
const texts: ReadonlySet<string> = new Set(['name', 'arch', 'checksum', 'file']);

/** Elements whose attributes count. */
const noted: ReadonlySet<string> = new Set(['version', 'checksum', 'size', 'location']);

/** Longer than any name or path, and more of them than any package has. */
const longestText = 8192;
const mostItems = 100_000;

type Draft = { -readonly [K in keyof ListedPackage]: ListedPackage[K] } & { provides: Provided[]; files: string[] };

function emptyDraft(): Draft {
  const texts = { name: '', arch: '', epoch: '0', version: '', release: '', checksumType: '', checksum: '' };
  return { ...texts, location: '', size: NaN, elsewhere: false, provides: [], files: [] };
}

/** Reads primary.xml as its pieces come, and gives every package to `take`: only one is in memory at a time. */
export function primaryReader(take: (pkg: ListedPackage) => void, refuse: RefuseXml): XmlReader {
  return new XmlReader(new PrimaryHandler(take, refuse), refuse);
}

class PrimaryHandler implements XmlHandler {
  readonly #take: (pkg: ListedPackage) => void;
  readonly #refuse: RefuseXml;
  #draft: Draft | undefined;
  #inProvides = false;
  #text: string | undefined;

  constructor(take: (pkg: ListedPackage) => void, refuse: RefuseXml) {
    this.#take = take;
    this.#refuse = refuse;
  }

  open(name: string, attributes: () => ReadonlyMap<string, string>): void {
    if (name === 'package' && attributes().get('type') === 'rpm') this.#draft = emptyDraft();
    const draft = this.#draft;
    if (draft === undefined) return;
    if (texts.has(name)) this.#text = '';
    if (name === 'provides') this.#inProvides = true;
    else if (name === 'entry' && this.#inProvides) this.#add(draft.provides, providedOf(attributes()));
    else if (noted.has(name)) note(draft, name, attributes());
  }

  text(text: string): void {
    if (this.#text === undefined) return;
    this.#text += text;
    if (this.#text.length > longestText) throw this.#refuse(`a name or path is longer than ${longestText} characters`);
  }

  close(name: string): void {
    const draft = this.#draft;
    const text = this.#text;
    this.#text = undefined;
    if (draft === undefined) return;
    if (name === 'provides') this.#inProvides = false;
    if (name === 'package') {
      this.#draft = undefined;
      this.#take(draft);
    }
    if (text === undefined) return;
    if (name === 'file') this.#add(draft.files, text);
    if (name === 'name' || name === 'arch' || name === 'checksum') draft[name] = text;
  }

  #add<T>(items: T[], item: T): void {
    items.push(item);
    if (items.length > mostItems) throw this.#refuse(`a package has more than ${mostItems} files or provides`);
  }
}

function note(draft: Draft, element: string, attributes: ReadonlyMap<string, string>): void {
  if (element === 'version') {
    draft.epoch = attributes.get('epoch') ?? '0';
    draft.version = attributes.get('ver') ?? '';
    draft.release = attributes.get('rel') ?? '';
  }
  if (element === 'checksum') draft.checksumType = attributes.get('type') ?? '';
  if (element === 'size') draft.size = Number(attributes.get('package'));
  if (element === 'location') {
    draft.location = attributes.get('href') ?? '';
    draft.elsewhere = attributes.has('base');
  }
}

function providedOf(attributes: ReadonlyMap<string, string>): Provided {
  const name = attributes.get('name') ?? '';
  const [version = '', epoch = '0', release] = ['ver', 'epoch', 'rel'].map((key) => attributes.get(key));
  if (version === '' || attributes.get('flags') !== 'EQ') return { name, version: '' };
  return { name, version: fullVersion({ epoch, version, release }) };
}

/** `epoch:version-release` as rpm writes it: an epoch of 0 is left out. */
export function fullVersion(parts: {
  readonly epoch: string;
  readonly version: string;
  readonly release: string | undefined;
}): string {
  const { epoch, version, release } = parts;
  return `${/^0*$/.test(epoch) ? '' : `${epoch}:`}${version}${release === undefined ? '' : `-${release}`}`;
}

/**
 * Reads filelists.xml as its pieces come, and gives the checksum of every package that has one of the files to `take`.
 */
export function fileListsReader(
  wanted: ReadonlySet<string>,
  take: (file: string, checksum: string) => void,
  refuse: RefuseXml,
): XmlReader {
  let checksum = '';
  let text: string | undefined;
  return new XmlReader(
    {
      open: (name, attributes) => {
        if (name === 'package') checksum = attributes().get('pkgid') ?? '';
        if (name === 'file') text = '';
      },
      text: (piece) => {
        if (text === undefined) return;
        text += piece;
        if (text.length > longestText) throw refuse(`a path is longer than ${longestText} characters`);
      },
      close: () => {
        if (text !== undefined && wanted.has(text)) take(text, checksum);
        text = undefined;
      },
    },
    refuse,
  );
}
