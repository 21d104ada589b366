import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import { copyKnown } from '../../host/copy-known.ts';
import { fileStatus, readBytes } from '../../host/files.ts';
import { belowRoot } from '../../host/root.ts';
import type { ListedDirectory } from './directory.ts';

/** A directory below a root, which a server would have as it is: its place is as seen from there. */
export function localDirectory(directory: string, root: string): ListedDirectory {
  const pathOf = (file: string) => belowRoot(root, join(directory, file));
  return {
    place: directory.replace(/\/+$/, ''),
    nameOf: pathOf,
    read: (file, maxSize) => Promise.resolve(readSmall(pathOf(file), maxSize)),
    fetch: (file, wanted, options) => copyKnown(pathOf(file), wanted, options),
  };
}

function readSmall(path: string, maxSize: number): Buffer | undefined {
  const status = fileStatus(path);
  if (status === undefined) return undefined;
  if (!status.isFile()) throw new AgentError('io', `${path} is no regular file`);
  if (status.size > maxSize) throw new AgentError('io', `${path} is larger than the ${maxSize} bytes allowed`);
  return readBytes(path);
}
