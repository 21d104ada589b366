import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import type { ArchiveEntry } from '../../core/tree.ts';
import { quote } from '../../core/yaml/text.ts';
import { sha256, sha256OfFile } from '../../host/digest.ts';
import { listNames, makeDirectory, removeTree, rename, temporaryBeside, touch } from '../../host/files.ts';
import { createFile } from '../../host/growing-file.ts';
import { oldNames } from '../../host/leftovers.ts';
import { readTar } from '../../host/tar.ts';
import type { FilesAt } from '../artifacts/own-files.ts';
import type { SourceFile } from '../source/source-file.ts';
import type { Source } from '../spec/sources.ts';
import { wantedArguments, wantedFunction, type ArtifactPath } from './artifact-paths.ts';
import type { MakingMeans } from './executor.ts';
import { lastLines, rememberEnd } from './output-end.ts';
import { runGuarded } from './guarded-run.ts';
import { buildDirectory } from './making-step.ts';

/** What is wanted of a tree that was made. */
export interface Finished {
  /** Says all that is in the tree. */
  readonly key: string;
  readonly paths: readonly ArtifactPath[];
  /** Makes the tree; called where what is wanted of it is not kept. */
  readonly tree: () => Promise<readonly string[]>;
}

/** Larger than any package: what is more is made to exhaust us. */
const mostBytes = 8 * 1024 ** 3;

/** In days. */
const longestUnused = 14;

/**
 * The archive of what is wanted: made in the sandbox, where no link leads out, by the tar(1) of the build root, and kept as
 * `<directory>/artifacts/<key>-<sha256>.tar`. What is in it is believed of nobody.
 * @throws AgentError those of making the tree; `tool-failed`, `content-refused`.
 */
export async function artifactArchive({ key, paths, tree }: Finished, means: MakingMeans): Promise<string> {
  const directory = join(means.directory, 'artifacts');
  const wanted = sha256(JSON.stringify([key, paths])).slice(0, 32);
  const kept = means.anew ? undefined : keptArchive(directory, wanted);
  if (kept !== undefined) return kept;
  for (const name of oldNames(directory, means.clock.now(), longestUnused)) removeTree(join(directory, name));
  const layers = await tree();
  makeDirectory(means.directory, 0o700);
  makeDirectory(directory);
  const temporary = temporaryBeside(join(directory, wanted));
  const digest = await pack(layers, paths, temporary, means);
  const path = join(directory, `${wanted}-${digest}.tar`);
  rename(temporary, path);
  return path;
}

function keptArchive(directory: string, wanted: string): string | undefined {
  for (const name of listNames(directory).filter((candidate) => candidate.startsWith(`${wanted}-`))) {
    const path = join(directory, name);
    if (name === `${wanted}-${sha256OfFile(path)}.tar`) {
      touch(path);
      return path;
    }
    removeTree(path);
  }
  return undefined;
}

/**
 * Only what is there is asked for: that something is missing is told later, with its place in the spec. The time at which it
 * was made is nobody's business: the same files are to give the same archive.
 */
const script = `${wantedFunction}
wanted "$@" | tar --create --file=- --format=gnu --hard-dereference --owner=0 --group=0 --numeric-owner --mtime=@0 \\
  --sort=name --null --verbatim-files-from --files-from=-`;

/** @returns the sha256 of the archive. */
async function pack(
  layers: readonly string[],
  paths: readonly ArtifactPath[],
  output: string,
  { sandbox, limits, signal }: MakingMeans,
): Promise<string> {
  const file = createFile(output, { bytes: mostBytes, tooLarge });
  const errors = rememberEnd();
  try {
    const end = await runGuarded(sandbox, {
      tree: { lower: layers, upper: undefined },
      argv: ['/bin/sh', '-c', script, 'sh', ...wantedArguments(paths)],
      directory: buildDirectory,
      environment: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
      binds: [],
      network: false,
      limits,
      take: (piece, stream) => {
        if (stream === 'stderr') errors.take(piece);
        else file.add(piece);
      },
      ...(signal === undefined ? {} : { signal }),
    });
    if (end.exitCode !== 0 || end.exceeded !== undefined) throw cannotTake(errors.text());
    return file.finish();
  } catch (error) {
    file.discard();
    throw error;
  }
}

function cannotTake(output: string): AgentError {
  return new AgentError('tool-failed', 'the artifacts cannot be taken out of the build', {
    facts: lastLines(output),
    left: 'Nothing was built.',
  });
}

function tooLarge(): AgentError {
  return new AgentError('content-refused', `the artifacts of the build have more than ${mostBytes} bytes`, {
    left: 'Nothing was built.',
  });
}

/** The files of an archive by their paths below where the sources are. */
export function filesIn(archive: string, sources: ReadonlyMap<string, Source>): FilesAt {
  const files = new Map(
    readTar(archive)
      .map((entry) => fileOf(entry, sources))
      .map((file) => [file.path, file]),
  );
  return (path) =>
    [...files.values()].filter((file) => file.path === path || file.path.startsWith(`${path}/`) || path === '');
}

function fileOf(entry: ArchiveEntry, sources: ReadonlyMap<string, Source>): SourceFile {
  const { kind, mode, target, content } = entry;
  const path = entry.name.replace(/\/+$/, '');
  if (path.startsWith('/') || path.split('/').includes('..'))
    throw new AgentError('content-refused', `the build made an artifact with the name ${quote(path)}`);
  const common = { path, mode, fixedMode: isInlineFile(sources.get(path)) };
  if (kind === 'directory') return { ...common, kind };
  if (kind === 'symlink') return { ...common, kind, ...(target === undefined ? {} : { target }) };
  if (kind === 'file') return { ...common, kind, ...(content === undefined ? {} : { content }) };
  throw new AgentError('content-refused', `the artifact ${quote(path)} is a ${kind}, which no image may have`);
}

/** Of such a source the spec itself says the mode. */
function isInlineFile(source: Source | undefined): boolean {
  return source?.kind === 'inline' && source.content.kind === 'file';
}
