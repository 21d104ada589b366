import { makeDirectory } from '../../host/files.ts';
import { sha256 } from '../../host/digest.ts';
import { writeTree } from '../../host/tree-writer.ts';
import { digestText } from '../artifacts/own-files.ts';
import type { Contexts } from '../source/context.ts';
import { localFiles } from '../source/files.ts';
import type { SourceFile } from '../source/source-file.ts';
import { judge } from '../tree/judge.ts';
import { treeOf } from '../tree/merge.ts';
import type { ArchiveEntry } from '../tree/entry.ts';
import type { BringSources } from './mounts.ts';

/** Brings sources that are in the spec or in directories of this host. */
export function localSources(contexts: Contexts, cacheDirectory: string): BringSources {
  return (sources) => {
    const filesAt = localFiles(sources, contexts, cacheDirectory);
    const entries = [...sources.keys()].flatMap((name) => filesAt(name)).map(entryOf);
    return Promise.resolve({
      digest: sha256(digestText(entries)),
      directory: (fresh) => {
        makeDirectory(fresh);
        writeTree(fresh, treeOf(judge(entries).entries, 0));
        return Promise.resolve(fresh);
      },
    });
  };
}

function entryOf({ path, kind, mode, content, target }: SourceFile): ArchiveEntry {
  return {
    name: path,
    kind,
    mode,
    mtime: 0,
    ...(content === undefined ? {} : { content }),
    ...(target === undefined ? {} : { target }),
  };
}
