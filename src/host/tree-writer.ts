import fs from 'node:fs';
import { join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import type { DirectoryNode, FileNode, HardlinkNode, SymlinkNode, Tree } from '../core/tree.ts';
import { createContentReader, type ContentReader } from './content.ts';
import { attempt, listNames } from './files.ts';

/**
 * Writes a tree into an empty directory: directories first, then files, then hard links, and symbolic links last, so
 * that nothing is ever written through a link. Modes and times are those of the nodes; the owner is who runs this.
 * What was written when it fails stays there for the caller to remove.
 * @throws AgentError `internal` for a path that leads out of the directory, `conflict` where it is not empty, `disk-full`
 */
export function writeTree(directory: string, tree: Tree): void {
  if (listNames(directory).length > 0) throw new AgentError('conflict', `${directory} is not empty`);
  for (const { path } of tree.nodes) checkPath(path);
  const directories = tree.nodes.filter((node) => node.kind === 'directory');
  for (const node of directories) makeDirectory(directory, node);
  writeFiles(directory, tree);
  for (const node of tree.nodes) if (node.kind === 'hardlink') makeHardlink(directory, node);
  for (const node of tree.nodes) if (node.kind === 'symlink') makeSymlink(directory, node);
  // What is made in a directory changes its time: theirs come when all is made, the deepest first.
  for (const node of directories.toReversed()) finish(join(directory, node.path), node);
  finish(directory, { mode: 0o755, mtime: tree.timestamp });
}

/** The builder makes no such path; should it ever, nothing is written. */
function checkPath(path: string): void {
  if (!/(^|\/)\.{0,2}(\/|$)/.test(path) && !path.includes('\0')) return;
  throw new AgentError('internal', `the path ${JSON.stringify(path)} is not one of a tree`);
}

function makeDirectory(directory: string, { path }: DirectoryNode): void {
  const place = `${directory}/${path}`;
  attempt('create the directory', place, () => {
    fs.mkdirSync(place, 0o700);
  });
}

/** Files of one archive are read in its order, whatever theirs is in the tree. */
function writeFiles(directory: string, tree: Tree): void {
  using reader = createContentReader();
  const files = tree.nodes.filter((node) => node.kind === 'file').sort(bySource);
  for (const file of files) writeFile(directory, file, reader);
}

function bySource(a: FileNode, b: FileNode): number {
  if (a.content.kind === 'bytes' || b.content.kind === 'bytes') return a.content.kind < b.content.kind ? -1 : 1;
  if (a.content.path !== b.content.path) return a.content.path < b.content.path ? -1 : 1;
  return a.content.offset - b.content.offset;
}

function writeFile(directory: string, file: FileNode, reader: ContentReader): void {
  const place = `${directory}/${file.path}`;
  attempt('write', place, () => {
    const descriptor = fs.openSync(place, 'wx', 0o600);
    try {
      reader.forEachPiece(file.content, (piece) => {
        for (let written = 0; written < piece.length;) written += fs.writeSync(descriptor, piece, written);
      });
      fs.fchmodSync(descriptor, file.mode);
      fs.futimesSync(descriptor, file.mtime, file.mtime);
    } finally {
      fs.closeSync(descriptor);
    }
  });
}

function makeHardlink(directory: string, { path, target }: HardlinkNode): void {
  checkPath(target);
  const place = `${directory}/${path}`;
  attempt('link', place, () => {
    fs.linkSync(`${directory}/${target}`, place);
  });
}

function makeSymlink(directory: string, { path, target, mtime }: SymlinkNode): void {
  const place = `${directory}/${path}`;
  attempt('create the symbolic link', place, () => {
    fs.symlinkSync(target, place);
    fs.lutimesSync(place, mtime, mtime);
  });
}

function finish(place: string, { mode, mtime }: { readonly mode: number; readonly mtime: number }): void {
  attempt('set mode and time of', place, () => {
    fs.chmodSync(place, mode);
    fs.utimesSync(place, mtime, mtime);
  });
}
