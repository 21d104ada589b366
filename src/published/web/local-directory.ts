import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import { copyKnown } from '../../host/copy-known.ts';
import { fileStatus, readBytes } from '../../host/files.ts';
import type { ListedDirectory } from './directory.ts';

/** A directory of this host, which a server would have as it is. */
export function localDirectory(path: string): ListedDirectory {
  return {
    place: path.replace(/\/+$/, ''),
    nameOf: (file) => join(path, file),
    read: (file, maxSize) => Promise.resolve(readSmall(join(path, file), maxSize)),
    fetch: (file, wanted, options) => copyKnown(join(path, file), wanted, options),
  };
}

function readSmall(path: string, maxSize: number): Buffer | undefined {
  const status = fileStatus(path);
  if (status === undefined) return undefined;
  if (!status.isFile()) throw new AgentError('io', `${path} is no regular file`);
  if (status.size > maxSize) throw new AgentError('io', `${path} is larger than the ${maxSize} bytes allowed`);
  return readBytes(path);
}
