import { posix } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import { quote } from '../../core/yaml/text.ts';
import { runOk } from '../../host/exec.ts';
import { fileStatus, makeDirectory } from '../../host/files.ts';
import { openLayers, type LayeredTree } from '../../host/layered-tree.ts';
import type { Source } from '../spec/sources.ts';
import type { PlannedTest } from './plan.ts';
import type { TestBench, TestedTree } from './run.ts';

/** Sources that are on this host. */
export interface BroughtSources {
  /** Says all that they consist of. */
  readonly digest: string;
  /**
   * A directory with each under its name, which nobody changes.
   * @param fresh where it may be made, if there is none yet.
   */
  directory(fresh: string): Promise<string>;
}

/** Brings sources to this host. */
export type BringSources = (sources: ReadonlyMap<string, Source>, signal?: AbortSignal) => Promise<BroughtSources>;

/** The sources that tests want mounted, by names of ours. */
export function mountedSources(tests: readonly PlannedTest[]): ReadonlyMap<string, Source> {
  return new Map(
    tests.flatMap(({ mounts }, test) => mounts.map(({ spec }, mount) => [mountName(test, mount), spec] as const)),
  );
}

function mountName(test: number, mount: number): string {
  return `test${test}-mount${mount}`;
}

/**
 * The tree with the sources that a test wants mounted, as a layer over it: so the test may change them, and what is changed
 * is thrown away. What the tree has in a directory of that name stays visible beside what the source has.
 * `number` is that of the test among those that the sources were brought for, `sources` the directory with all of them.
 */
export async function withMounts(
  bench: TestBench,
  tree: TestedTree,
  { test, number, sources }: { readonly test: PlannedTest; readonly number: number; readonly sources: string },
): Promise<TestedTree> {
  if (test.mounts.length === 0) return tree;
  const layer = `${bench.directory}/mounts${number}`;
  const seen = await openLayers(tree, bench.exec, bench.signal);
  for (const [index, { dest }] of test.mounts.entries()) {
    const place = seen.real(posix.normalize(`/${dest.value}`));
    if (place === undefined || place === '/') throw noPlace(test, dest.value);
    await makeParents(bench, layer, place, seen);
    const source = `${sources}/${mountName(number, index)}`;
    await runOk(bench.exec, 'cp', ['--archive', '--no-target-directory', '--', source, `${layer}${place}`]);
  }
  await bench.sandbox.adoptLayer(layer);
  return over(tree, layer);
}

/** The directories on the way to a place, with the modes that they have in the tree. */
async function makeParents({ exec }: TestBench, layer: string, place: string, seen: LayeredTree): Promise<void> {
  makeDirectory(layer);
  const parts = place.split('/').slice(1, -1);
  for (const index of parts.keys()) {
    const path = `/${parts.slice(0, index + 1).join('/')}`;
    const mode = seen.status(path, false)?.mode ?? 0o755;
    makeDirectory(`${layer}${path}`);
    if (mode !== 0o755) await runOk(exec, 'chmod', [mode.toString(8), `${layer}${path}`]);
  }
}

/** A layer over a tree, and over what is mounted in that. */
function over(tree: TestedTree, layer: string): TestedTree {
  const overlays = (tree.overlays ?? []).map(({ at, lower }) => ({
    at,
    lower: fileStatus(`${layer}${at}`) === undefined ? lower : [...lower, `${layer}${at}`],
  }));
  return { lower: [...tree.lower, layer], ...(overlays.length === 0 ? {} : { overlays }) };
}

function noPlace({ title }: PlannedTest, dest: string): AgentError {
  return new AgentError('invalid-spec', `the source at ${quote(dest)} of ${title} has no place in its tree`, {
    left: 'Nothing was built.',
  });
}
