import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import { copyHashed } from '../../host/digest.ts';
import { fileStatus, makeDirectory, removeTree, rename, temporaryBeside } from '../../host/files.ts';
import type { FilesAt } from '../artifacts/own-files.ts';
import type { Source } from '../spec/sources.ts';
import { contextFiles, type Contexts, type Keep } from './context.ts';
import { inlineFiles } from './inline.ts';
import type { SourceFile } from './source-file.ts';

/**
 * The files of the sources that are on this host or in the spec itself.
 * @param cacheDirectory keeps a copy of what comes from a context, so that it is the same when it is written.
 */
export function localFiles(sources: ReadonlyMap<string, Source>, contexts: Contexts, cacheDirectory: string): FilesAt {
  const keep = keeper(join(cacheDirectory, 'sources'));
  return (path) => {
    const [name = '', ...rest] = path.split('/');
    const source = sources.get(name);
    if (source === undefined) return [];
    return below(path, filesOf(name, source, rest.join('/'), contexts, keep));
  };
}

function filesOf(name: string, source: Source, within: string, contexts: Contexts, keep: Keep): readonly SourceFile[] {
  if (source.kind === 'inline') return inlineFiles(name, source);
  if (source.kind === 'context') return contextFiles(name, source, within, contexts, keep);
  throw new AgentError('invalid-spec', `the source ${name} is of the kind ${source.kind}, which is not fetched yet`, {
    problems: [{ position: source.position, field: `sources.${name}`, message: `${source.kind} is not fetched yet` }],
    left: 'Nothing was built.',
  });
}

function below(path: string, files: readonly SourceFile[]): readonly SourceFile[] {
  return files.filter((file) => file.path === path || file.path.startsWith(`${path}/`));
}

/** Keeps files by their sha256, as many contexts have the same ones. */
export function keeper(directory: string): Keep {
  return (path) => {
    makeDirectory(directory);
    const fresh = temporaryBeside(join(directory, 'file'));
    try {
      const { sha256, size } = copyHashed(path, fresh);
      const kept = join(directory, sha256);
      if (fileStatus(kept)?.size !== size) rename(fresh, kept);
      return { path: kept, size, sha256 };
    } finally {
      removeTree(fresh);
    }
  };
}
