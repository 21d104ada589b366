import type { Duplex } from 'node:stream';

/**
 * What stands between the bus and the library. Anyone on the system bus may send a signal to anyone, of up to 32 MiB.
 * The library decodes each message whole before anybody asks what it is, and some make it throw where nobody catches.
 */

/** Set in the flags of a message whose body was left out, since it is too long: a bit that means nothing to the protocol. */
export const bodyLeftOut = 0x80;

/** The longest body that is decoded, in bytes. What systemd says of 5,000 units takes 1.5 MB. */
export const longestBody = 4 << 20;

/** The longest body of a call to us, in bytes: no method takes more, and while one is decoded nobody else is served. */
export const longestCall = 256 << 10;

/** A path has no limit of its own; that of a unit is at most 800 bytes long. */
const longestFields = 16 << 10;

/** The type of a message that calls a method, in its second byte. */
const methodCall = 1;

/** The first part of every message: byte order, type, flags, version, length of the body, serial, length of the fields. */
const fixedPart = 16;

/**
 * Makes the stream give no message with a body longer than `longestBody`, and no call longer than `longestCall`: it comes
 * without its body and with the flag `bodyLeftOut`. One whose fields are too long does not come at all, nor one that the library cannot decode.
 * @param stream whose reader takes 16 bytes and then the rest of each message, in turn, when it is `readable`.
 */
export function guardStream(stream: Duplex): void {
  const reader = new LimitedReader(stream);
  for (const listener of stream.listeners('readable')) {
    stream.removeListener('readable', listener as () => void);
    stream.on('readable', () => {
      reader.readAll(() => Reflect.apply(listener, stream, []) as unknown);
    });
  }
}

class LimitedReader {
  readonly #stream: Duplex;
  readonly #read: (size: number) => Buffer | null;
  #inMessage = false;
  #bodyToSkip = 0;
  #bytesToSkip = 0;
  #messages = 0;

  constructor(stream: Duplex) {
    this.#stream = stream;
    const read = stream.read.bind(stream);
    this.#read = (size) => read(size) as Buffer | null;
    stream.read = (size = 0) => {
      // The stream itself reads nothing now and then, to have more fetched.
      if (size === 0) return this.#read(0);
      return this.#inMessage ? this.#restOfMessage(size) : this.#header();
    };
  }

  /** Lets the library read on behind a message that made it throw: it has taken that one already. */
  readAll(read: () => unknown): void {
    for (;;) {
      const before = this.#messages;
      try {
        read();
        return;
      } catch (error) {
        if (this.#messages > before) continue;
        this.#stream.destroy(error instanceof Error ? error : undefined);
        return;
      }
    }
  }

  #header(): Buffer | null {
    while (this.#skip()) {
      const bytes = this.#read(fixedPart);
      if (bytes === null) return null;
      const { fields, body } = lengthsIn(bytes);
      if (fields > longestFields) {
        this.#bytesToSkip = fields + body;
        continue;
      }
      this.#inMessage = true;
      const isTooLong = body > (bytes[1] === methodCall ? longestCall : longestBody);
      this.#bodyToSkip = isTooLong ? body : 0;
      return isTooLong ? withoutBody(bytes) : bytes;
    }
    return null;
  }

  #restOfMessage(size: number): Buffer | null {
    const rest = this.#read(size);
    if (rest === null) return null;
    this.#messages += 1;
    this.#inMessage = false;
    this.#bytesToSkip = this.#bodyToSkip;
    return rest;
  }

  /** Tells whether all that is to be skipped has come. */
  #skip(): boolean {
    while (this.#bytesToSkip > 0) {
      const piece = this.#read(Math.min(this.#bytesToSkip, Math.max(1, this.#stream.readableLength)));
      if (piece === null) return false;
      this.#bytesToSkip -= piece.length;
    }
    return true;
  }
}

/** How long the two parts are that follow, in bytes: the fields with what fills them up to a multiple of 8, and the body. */
function lengthsIn(header: Buffer): { readonly fields: number; readonly body: number } {
  const isLittleEndian = header[0] === 'l'.charCodeAt(0);
  const lengthAt = (offset: number) => (isLittleEndian ? header.readUInt32LE(offset) : header.readUInt32BE(offset));
  return { fields: Math.ceil(lengthAt(12) / 8) * 8, body: lengthAt(4) };
}

function withoutBody(header: Buffer): Buffer {
  const changed = Buffer.from(header);
  changed.writeUInt8((header[2] ?? 0) | bodyLeftOut, 2);
  changed.writeUInt32LE(0, 4);
  return changed;
}
