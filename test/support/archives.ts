import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** A new directory in /tmp that is gone at the end of the block: `using directory = temporaryDirectory()`. */
export function temporaryDirectory(): Disposable & { readonly path: string; at(name: string): string } {
  const path = mkdtempSync(join(tmpdir(), 'sysext-agent-test-'));
  return {
    path,
    at: (name) => join(path, name),
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** One entry of a ustar archive, valid or not: names are written as they are. */
export interface TarMember {
  readonly name: string | Buffer;
  /** The type flag of the header: '0' file, '1' hard link, '2' symbolic link, '5' directory, '3' and '4' devices ... */
  readonly type?: string;
  readonly target?: string;
  readonly content?: string | Buffer;
  readonly mode?: number;
  readonly mtime?: number;
}

export function tarBytes(members: readonly TarMember[]): Buffer {
  return Buffer.concat([...members.map(memberBytes), Buffer.alloc(1024)]);
}

function memberBytes({ name, type = '0', target = '', content = '', mode = 0o644, mtime = 1_000_000_000 }: TarMember) {
  const bytes = Buffer.from(content);
  const block = Buffer.alloc(512);
  Buffer.from(name).copy(block, 0, 0, 100);
  block.write(
    `${octal(mode, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0${octal(bytes.length, 11)}\0${octal(mtime, 11)}\0`,
    100,
  );
  block.write(`        ${type}`, 148);
  block.write(target, 157, 100);
  block.write('ustar\x0000', 257);
  sealHeader(block);
  return Buffer.concat([block, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

function octal(value: number, digits: number): string {
  return value.toString(8).padStart(digits, '0');
}

/** Writes the checksum that a changed header needs. */
export function sealHeader(block: Buffer): void {
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
}

/** A Debian package around a data archive; control.tar is not read and holds nothing. */
export function debBytes(data: Buffer): Buffer {
  return arBytes([
    ['debian-binary', Buffer.from('2.0\n')],
    ['control.tar.gz', gzipSync(tarBytes([]))],
    ['data.tar.gz', gzipSync(data)],
  ]);
}

export function arBytes(members: readonly (readonly [name: string, bytes: Buffer])[]): Buffer {
  const parts = members.flatMap(([name, bytes]) => [
    Buffer.from(`${name.padEnd(16)}0           0     0     100644  ${String(bytes.length).padEnd(10)}\`\n`),
    bytes,
    Buffer.alloc(bytes.length % 2, '\n'),
  ]);
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}
