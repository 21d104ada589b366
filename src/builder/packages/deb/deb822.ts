/** Debian's control files: stanzas of fields, empty lines between them (deb822(5)). */

/** The fields of one stanza by their names in lower case; the lines of a folded field are joined by newlines. */
export type Stanza = ReadonlyMap<string, string>;

const newline = '\n';

/** The first stanza of a text. Lines that are no field are passed over. */
export function parseStanza(text: string): Stanza {
  const fields = new Map<string, string>();
  let current = '';
  for (const line of text.split(newline)) {
    if (line.trim() === '' && fields.size > 0) break;
    if (isContinuation(line)) {
      const value = fields.get(current);
      if (value !== undefined) fields.set(current, value + newline + line.slice(1));
      continue;
    }
    const colon = line.indexOf(':');
    current = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (current !== '') fields.set(current, line.slice(colon + 1).trim());
  }
  return fields;
}

function isContinuation(line: string): boolean {
  return line.startsWith(' ') || line.startsWith('\t');
}

/**
 * Reads the stanzas of a text that arrives in pieces, keeping only the fields that are asked for: an index of a
 * distribution is too large to be held as a whole.
 */
export class StanzaReader {
  readonly #wanted: ReadonlySet<string>;
  readonly #take: (stanza: Stanza) => void;
  #stanza = new Map<string, string>();
  #current: string | undefined;
  #rest = '';

  /**
   * @param wanted names of fields, in lower case.
   * @param take is given every stanza that has at least one of them.
   */
  constructor(wanted: readonly string[], take: (stanza: Stanza) => void) {
    this.#wanted = new Set(wanted);
    this.#take = take;
  }

  write(piece: string): void {
    const text = this.#rest + piece;
    let start = 0;
    for (let end = text.indexOf(newline); end !== -1; end = text.indexOf(newline, start)) {
      this.#line(text, start, end);
      start = end + 1;
    }
    this.#rest = text.slice(start);
  }

  end(): void {
    this.write(newline);
    this.#finish();
  }

  #line(text: string, start: number, end: number): void {
    if (start === end) {
      this.#finish();
      return;
    }
    const first = text[start];
    if (first === ' ' || first === '\t') {
      this.#continue(text.slice(start + 1, end));
      return;
    }
    const colon = text.indexOf(':', start);
    const name = colon === -1 || colon > end ? '' : text.slice(start, colon).toLowerCase();
    this.#current = this.#wanted.has(name) ? name : undefined;
    if (this.#current !== undefined) this.#stanza.set(name, text.slice(colon + 1, end).trim());
  }

  #continue(line: string): void {
    if (this.#current === undefined) return;
    this.#stanza.set(this.#current, (this.#stanza.get(this.#current) ?? '') + newline + line);
  }

  #finish(): void {
    if (this.#stanza.size > 0) this.#take(this.#stanza);
    this.#stanza = new Map();
    this.#current = undefined;
  }
}
