import { AgentError } from '../../../core/errors.ts';
import { openWindow, type Range, type Window } from '../../../host/content.ts';
import type { Refuse } from '../../../host/tar-header.ts';
import { headerSize, introSize, parseHeader, type RpmHeader } from './header.ts';

/** The parts of an rpm file (rpm's doc/manual/format_v4.md): nothing of them was verified. */
export interface RpmFile {
  readonly signature: RpmHeader;
  readonly header: RpmHeader;
  /** The packed archive of what the package installs. */
  readonly payload: Range;
}

/** Tags of the signature header (rpm's doc/manual/format_v4.md, lib/rpmtag.h). */
export const signatureTags = { dsa: 267, rsa: 268, openpgp: 278 } as const;

/** Tags of the main header. */
export const tags = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  arch: 1022,
  fileModes: 1030,
  fileTimes: 1034,
  fileTargets: 1036,
  fileInodes: 1096,
  directoryIndexes: 1116,
  baseNames: 1117,
  directories: 1118,
  payloadFormat: 1124,
  payloadCompressor: 1125,
  longFileSizes: 5008,
  payloadDigest: 5092,
  payloadDigestAlgorithm: 5093,
} as const;

const leadSize = 96;
const leadMagic = 0xedabeedb;

/** Signatures are some kilobytes, and a header of the largest packages some megabytes. */
const mostHeader = 64 * 1024 ** 2;

/**
 * Reads the headers of an rpm file.
 * @throws AgentError `content-refused` where it is none, damaged or truncated.
 */
export function readRpmFile(path: string): RpmFile {
  const refuse: Refuse = (why) => new AgentError('content-refused', `${path} is not a usable rpm package: ${why}`);
  const [signatureSize, mainOffset, mainSize, size] = layoutOf(path, refuse);
  using window = openWindow(path, Math.max(signatureSize, mainSize));
  const read = (offset: number, length: number) => parseHeader(Buffer.from(window.read(offset, length)), refuse);
  const end = mainOffset + mainSize;
  return {
    signature: read(leadSize, signatureSize),
    header: read(mainOffset, mainSize),
    payload: { path, offset: end, length: size - end },
  };
}

/** Where the headers are: the main one begins at a multiple of eight after the signature. */
function layoutOf(path: string, refuse: Refuse): readonly [number, number, number, number] {
  using window = openWindow(path, 4096);
  if (window.size < leadSize || window.read(0, 4).readUInt32BE(0) !== leadMagic) throw refuse('it has no lead');
  const signatureSize = sizeAt(window, leadSize, refuse);
  const mainOffset = Math.ceil((leadSize + signatureSize) / 8) * 8;
  return [signatureSize, mainOffset, sizeAt(window, mainOffset, refuse), window.size];
}

function sizeAt(window: Window, offset: number, refuse: Refuse): number {
  if (offset + introSize > window.size) throw refuse('it ends before its headers do');
  const size = headerSize(window.read(offset, introSize), refuse);
  if (offset + size > window.size) throw refuse('it ends before its headers do');
  if (size > mostHeader) throw refuse(`a header is larger than ${mostHeader} bytes`);
  return size;
}
