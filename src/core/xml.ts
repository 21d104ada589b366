/** What a document is made of, in its order. Names come without the prefix of their name space. */
export interface XmlHandler {
  /** @param attributes reads them: most elements are passed over, and theirs with them. */
  open(name: string, attributes: () => ReadonlyMap<string, string>): void;
  /** Text between tags; one run of it may come in several calls. */
  text(text: string): void;
  close(name: string): void;
}

/** Makes the error that refuses a document. */
export type RefuseXml = (why: string) => Error;

/** Longer than any tag, comment or run of text that we have seen, in characters. */
const longestToken = 1024 * 1024;
const deepest = 64;

const named: Readonly<Record<string, string>> = { amp: '&', apos: "'", gt: '>', lt: '<', quot: '"' };

/** Where each kind of markup ends; what is no tag and not among these is refused, document types above all. */
const enclosures: readonly (readonly [start: string, end: string])[] = [
  ['<!--', '-->'],
  ['<![CDATA[', ']]>'],
  ['<?', '?>'],
];

/**
 * Reads an XML document (XML 1.0, fifth edition) piece by piece, without keeping it: elements, attributes, text, CDATA,
 * the five named entities and characters by number. There are no document types, and so no entities that expand.
 */
export class XmlReader {
  readonly #handler: XmlHandler;
  readonly #refuse: RefuseXml;
  readonly #stack: string[] = [];
  #rest = '';
  #seenRoot = false;

  constructor(handler: XmlHandler, refuse: RefuseXml) {
    this.#handler = handler;
    this.#refuse = refuse;
  }

  /** @throws what `refuse` makes, as soon as the document is found not to be well-formed. */
  write(piece: string): void {
    const buffer = this.#rest + piece;
    let at = 0;
    for (let end = this.#token(buffer, at); end !== undefined; end = this.#token(buffer, at)) at = end;
    this.#rest = buffer.slice(at);
    if (this.#rest.length > longestToken) throw this.#refuse(`a tag or text is longer than ${longestToken} characters`);
  }

  /** @throws what `refuse` makes, where the document is not complete. */
  end(): void {
    if (this.#rest.trim() !== '' || this.#stack.length > 0 || !this.#seenRoot) throw this.#refuse('it ends too early');
  }

  /** Reads one tag or run of text at `at`, and returns where it ends; undefined where that is not here yet. */
  #token(buffer: string, at: number): number | undefined {
    if (at >= buffer.length) return undefined;
    if (buffer[at] !== '<') return this.#text(buffer, at);
    if (buffer[at + 1] === '!' || buffer[at + 1] === '?') return this.#enclosed(buffer, at);
    const end = endOfTag(buffer, at);
    if (end === undefined) return undefined;
    this.#tag(buffer.slice(at + 1, end));
    return end + 1;
  }

  #text(buffer: string, at: number): number | undefined {
    const end = buffer.indexOf('<', at);
    if (end === -1) return undefined;
    this.#say(this.#decoded(buffer.slice(at, end)));
    return end;
  }

  #say(text: string): void {
    if (this.#stack.length > 0) this.#handler.text(text);
    else if (text.replace('\ufeff', '').trim() !== '') throw this.#refuse('there is text outside of the root element');
  }

  #enclosed(buffer: string, at: number): number | undefined {
    const found = enclosures.find(([start]) => buffer.startsWith(start, at));
    if (found === undefined) {
      if (buffer.length - at < '<![CDATA['.length) return undefined;
      throw this.#refuse('it has a document type, or markup that is none');
    }
    const [start, terminator] = found;
    const end = buffer.indexOf(terminator, at + start.length);
    if (end === -1) return undefined;
    if (start === '<![CDATA[') this.#say(buffer.slice(at + start.length, end));
    return end + terminator.length;
  }

  #tag(tag: string): void {
    if (tag.startsWith('/')) {
      this.#close(localName(tag.slice(1).trimEnd()));
      return;
    }
    const isEmpty = tag.endsWith('/');
    const space = tag.search(/[\s/]/);
    const name = space === -1 ? tag : tag.slice(0, space);
    if (!/^[^="'<&]+$/.test(name)) throw this.#refuse('a tag is malformed');
    if (this.#stack.length === 0 && this.#seenRoot) throw this.#refuse('there is a second root element');
    if (this.#stack.length >= deepest) throw this.#refuse(`elements are nested deeper than ${deepest}`);
    this.#seenRoot = true;
    const local = localName(name);
    this.#stack.push(local);
    this.#handler.open(local, () => this.#attributes(tag.slice(name.length, isEmpty ? -1 : undefined)));
    if (isEmpty) this.#close(local);
  }

  #close(name: string): void {
    if (this.#stack.pop() !== name) throw this.#refuse(`a tag closes ${JSON.stringify(name)}, which is not open`);
    this.#handler.close(name);
  }

  #attributes(text: string): ReadonlyMap<string, string> {
    const found = new Map<string, string>();
    const pattern = /\s+([^\s=/<>"'&]+)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/y;
    let end = 0;
    for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
      const [, name = '', double, single = ''] = match;
      found.set(localName(name), this.#decoded(double ?? single));
      end = pattern.lastIndex;
    }
    if (text.slice(end).trim() !== '') throw this.#refuse('an attribute is malformed');
    return found;
  }

  #decoded(text: string): string {
    if (!text.includes('&')) return text;
    return text.replace(/&([^;&]{0,16};?)/g, (_, entity: string) => this.#entity(entity));
  }

  #entity(entity: string): string {
    const name = entity.slice(0, -1);
    const known = Object.hasOwn(named, name) ? named[name] : undefined;
    const [, hex, decimal] = /^#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}))$/.exec(name) ?? [];
    const code = hex === undefined ? Number(decimal) : parseInt(hex, 16);
    if (entity.endsWith(';') && known !== undefined) return known;
    if (entity.endsWith(';') && code > 0 && code <= 0x10ffff) return String.fromCodePoint(code);
    throw this.#refuse(`it has the entity ${JSON.stringify(`&${entity}`)}, which XML does not know`);
  }
}

/** Small texts live and die in the young part of the heap, where large ones would pile up before they are collected. */
const morsel = 32 * 1024;

/** Gives a document to its reader, from bytes in pieces of any size: in UTF-8, as lists of packages are. */
export function readXml(reader: XmlReader, pieces: Iterable<Uint8Array>): void {
  const decoder = new TextDecoder();
  for (const piece of pieces)
    for (let at = 0; at < piece.length; at += morsel)
      reader.write(decoder.decode(piece.subarray(at, at + morsel), { stream: true }));
  reader.write(decoder.decode());
  reader.end();
}

/** A tag up to the `>` that ends it, which is not one inside of a quoted value. */
const wholeTag = /<[^>"']*(?:"[^"]*"[^>"']*|'[^']*'[^>"']*)*>/y;

function endOfTag(buffer: string, at: number): number | undefined {
  wholeTag.lastIndex = at;
  return wholeTag.test(buffer) ? wholeTag.lastIndex - 1 : undefined;
}

function localName(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
