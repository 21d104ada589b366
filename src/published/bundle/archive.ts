import { dirname, join } from 'node:path';

import { AgentError, isAgentError } from '../../core/errors.ts';
import { quote } from '../../core/yaml/text.ts';
import { openWindow, type Range } from '../../host/content.ts';
import { copyKnown } from '../../host/copy-known.ts';
import { sha256 } from '../../host/digest.ts';
import type { Exec } from '../../host/exec.ts';
import {
  makeDirectory,
  makeLink,
  makeTemporaryDirectory,
  removeTree,
  renameDurably,
  syncDirectory,
  writeAtomically,
} from '../../host/files.ts';
import type { DownloadOptions, WantedFile } from '../../host/http.ts';
import { readTar } from '../../host/tar.ts';
import { mostImageBytes } from '../transfer.ts';
import { decodeContents, encodeContents, mostOfContents, unusable, type BundledExtension } from './contents.ts';
import type { Documents } from './documents.ts';

// A bundle is a tar archive of bundle.json, which says what is in it, and of blobs/SHA256: documents and images.

const contentsName = 'bundle.json';
const blobName = /^blobs\/([0-9a-f]{64})$/;

/** The largest document, in bytes: what a manifest or a list may have. */
const largestDocument = 4 * 1024 * 1024;
/** The most that all documents may have together, in bytes: they are kept in memory. */
const mostDocumentBytes = 256 * 1024 * 1024;

/** A bundle that is being made, in a directory beside it. */
export interface Packing extends Disposable {
  /** Where the image of this sha256 belongs, for one who fetches it. */
  pathOf(blob: string): string;
  /** Takes the image from where it is. */
  link(blob: string, path: string): void;
  /** Takes a document. @returns its sha256. */
  add(document: Uint8Array): string;
  /**
   * Makes the archive: the same contents give the same bytes.
   * @throws AgentError `tool-failed`, `disk-full`, `interrupted`
   */
  finish(extensions: readonly BundledExtension[]): Promise<void>;
}

export function startPacking(file: string, exec: Exec): Packing {
  const work = makeTemporaryDirectory(dirname(file));
  const tree = join(work, 'tree');
  const pathOf = (blob: string) => join(tree, 'blobs', blob);
  makeDirectory(join(tree, 'blobs'));
  return {
    pathOf,
    link: (blob, path) => {
      removeTree(pathOf(blob));
      makeLink(path, pathOf(blob));
    },
    add: (document) => {
      const digest = sha256(document);
      writeAtomically(pathOf(digest), document);
      return digest;
    },
    finish: async (extensions) => {
      writeAtomically(join(tree, contentsName), encodeContents(extensions));
      const packed = join(work, 'bundle.tar');
      await pack(tree, packed, exec);
      syncDirectory(packed);
      renameDurably(packed, file);
    },
    [Symbol.dispose]: () => {
      removeTree(work);
    },
  };
}

/** Nothing of this host stands in it: no times, owners or modes. Of links what they lead to is taken. */
async function pack(tree: string, output: string, exec: Exec): Promise<void> {
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX'];
  const args = [
    '--create',
    '--format=gnu',
    '--dereference',
    '--hard-dereference',
    ...same,
    `--file=${output}`,
    `--directory=${tree}`,
  ];
  const { exitCode, stderr } = await exec.run('tar', [...args, contentsName, 'blobs']);
  if (exitCode === 0) return;
  throw new AgentError('tool-failed', `tar cannot write the bundle: exit code ${exitCode}`, {
    facts: stderr.trim().split('\n').slice(-5),
    left: 'There is no bundle.',
  });
}

/** A bundle as it lies there. */
export interface OpenBundle {
  readonly extensions: readonly BundledExtension[];
  /**
   * The documents of one of its extensions, held against what bundle.json says.
   * @throws AgentError `verification-failed`
   */
  documentsOf(extension: BundledExtension): Documents;
  /** Brings an image here, as `Http.download` does. */
  readonly fetch: (wanted: WantedFile, options?: DownloadOptions) => Promise<void>;
}

/**
 * Opens a bundle. It is read where it lies, and never unpacked: no name in it becomes one of a file.
 * @throws AgentError `verification-failed` for what is none, `no-such-file`, `io`
 */
export function openBundle(file: string): OpenBundle {
  const ranges = rangesIn(file);
  const contents = ranges.get(contentsName);
  if (contents === undefined) throw unusable(file, `there is no ${contentsName} in it`);
  const extensions = decodeContents(bytesOf(contents, mostOfContents.bytes, file).toString('utf8'), file);
  const rangeOf = (blob: string): Range => {
    const range = ranges.get(`blobs/${blob}`);
    if (range === undefined) throw unusable(file, `blobs/${blob} is not in it`);
    return range;
  };
  let room = mostDocumentBytes;
  const document = (digest: string): Uint8Array => {
    const bytes = bytesOf(rangeOf(digest), Math.min(largestDocument, room), file);
    room -= bytes.length;
    if (sha256(bytes) !== digest) throw unusable(file, `blobs/${digest} is not what it is called by`);
    return bytes;
  };
  return {
    extensions,
    documentsOf: ({ documents }) => new Map(Array.from(documents, ([name, digest]) => [name, document(digest)])),
    fetch: (wanted, options) => copyKnown(rangeOf(wanted.sha256), wanted, options),
  };
}

/** Where each file of the archive is. */
function rangesIn(file: string): ReadonlyMap<string, Range> {
  const ranges = new Map<string, Range>();
  for (const { name, kind, content } of entriesOf(file)) {
    if (kind === 'directory' && /^blobs\/?$/.test(name)) continue;
    if (name !== contentsName && !blobName.test(name)) throw unusable(file, `${quote(name)} belongs in no bundle`);
    if (content?.kind !== 'range') throw unusable(file, `${name} is no file`);
    if (content.length > mostImageBytes) throw unusable(file, `${name} has more than ${mostImageBytes} bytes`);
    if (ranges.has(name)) throw unusable(file, `${name} is there twice`);
    ranges.set(name, content);
  }
  return ranges;
}

function entriesOf(file: string): ReturnType<typeof readTar> {
  try {
    return readTar(file);
  } catch (error) {
    if (!isAgentError(error, 'content-refused')) throw error;
    throw unusable(file, error.message.replace(/^.*?: /, ''));
  }
}

function bytesOf({ path, offset, length }: Range, most: number, file: string): Buffer {
  if (length > most) throw unusable(file, `what stands at byte ${offset} is larger than the ${most} bytes allowed`);
  using window = openWindow(path, Math.max(length, 1));
  return Buffer.from(window.read(offset, length));
}
