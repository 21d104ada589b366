import { join } from 'node:path';

import type { Clock } from '../../host/clock.ts';
import type { Progress } from '../../host/progress.ts';
import type { Sandbox, SandboxLimits, SandboxTree } from '../sandbox/sandbox.ts';
import type { BuildLog } from './build-log.ts';
import { openCaches } from './cache-directories.ts';
import { runGuarded } from './guarded-run.ts';
import { keysAfter, type SettledStep } from './keys.ts';
import { layerStore, type LayerStore } from './layers.ts';
import { rememberEnd } from './output-end.ts';
import { mostLayers, planLayers } from './stack.ts';
import { stepFailed } from './step-failure.ts';

/** What the first step begins with. */
export interface Ground {
  /** Says all that is in the layers. */
  readonly key: string;
  /** The build root, and the sources over it. */
  readonly layers: readonly string[];
}

export interface MakingMeans {
  readonly sandbox: Sandbox;
  /** Layers are kept in it. */
  readonly directory: string;
  readonly limits: SandboxLimits;
  /** What a step with network has in its environment besides: how the network is reached. */
  readonly proxy: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly progress: Progress;
  /** Begun when the first step runs. */
  readonly log: () => BuildLog;
  /** Gets what steps print, where somebody wants to see it. */
  readonly show: ((piece: Uint8Array) => void) | undefined;
  /** Whether all steps are run, whatever is kept. */
  readonly anew: boolean;
  readonly signal: AbortSignal | undefined;
}

/**
 * Makes the tree that the last step leaves, and runs only what is not kept of an earlier build.
 * @returns its layers, the lowest first.
 * @throws AgentError `tool-failed` with the place of the step that failed, and those of Sandbox.run().
 */
export async function makeTree(
  ground: Ground,
  steps: readonly SettledStep[],
  means: MakingMeans,
): Promise<readonly string[]> {
  const keys = keysAfter(ground.key, steps);
  const store = layerStore(means.directory, means.sandbox);
  const kept = means.anew ? { layers: [], steps: 0 } : store.stackOf(ground.key, keys);
  if (kept.steps === steps.length) return [...ground.layers, ...kept.layers];
  await store.sweep(means.clock.now());
  const { reused, sizes } = planLayers(kept.layers.length, kept.steps, steps.length, mostLayers);
  const base = reused === 'all' ? kept : { layers: [], steps: 0 };
  if (base.steps > 0) means.progress.step(`${base.steps} of ${steps.length} steps are done already`);
  return makeLayers({ ground, steps, keys, store, means }, [...ground.layers, ...base.layers], base.steps, sizes);
}

interface Work {
  readonly ground: Ground;
  readonly steps: readonly SettledStep[];
  readonly keys: readonly string[];
  readonly store: LayerStore;
  readonly means: MakingMeans;
}

/** @param sizes how many steps each of the layers takes in. */
async function makeLayers(
  work: Work,
  below: readonly string[],
  done: number,
  sizes: readonly number[],
): Promise<readonly string[]> {
  const [size, ...rest] = sizes;
  if (size === undefined) return below;
  const layer = await makeLayer(work, below, done, size);
  return makeLayers(work, [...below, layer], done + size, rest);
}

async function makeLayer(work: Work, below: readonly string[], done: number, size: number): Promise<string> {
  const { ground, keys, store, means } = work;
  const fresh = store.begin(means.anew);
  try {
    for (const step of work.steps.slice(done, done + size))
      await runStep(step, { lower: below, upper: fresh.layer }, means);
    return await fresh.keep(keys[done - 1] ?? ground.key, keys[done + size - 1] ?? '');
  } finally {
    await fresh.discard();
  }
}

/** Runs one step to its end; what it prints is logged. */
async function runStep(step: SettledStep, tree: SandboxTree, means: MakingMeans): Promise<void> {
  const { sandbox, limits, clock, proxy, signal } = means;
  const log = means.log();
  const start = clock.monotonic();
  means.progress.step(step.title);
  log.note(headingOf(step));
  await using caches = await openCaches(step.caches, {
    directory: join(means.directory, 'caches'),
    sandbox,
    patience: limits.time,
    signal,
  });
  const output = rememberEnd();
  const end = await runGuarded(sandbox, {
    tree,
    argv: step.argv,
    directory: step.directory,
    environment: step.network ? { ...proxy, ...step.environment } : step.environment,
    binds: [...step.binds, ...caches.binds],
    network: step.network,
    limits,
    take: (piece) => {
      log.write(piece);
      output.take(piece);
      means.show?.(piece);
    },
    ...(signal === undefined ? {} : { signal }),
  });
  const seconds = ((clock.monotonic() - start) / 1000).toFixed(1);
  const isDone = end.exitCode === 0 && end.exceeded === undefined;
  log.note(`${step.title} ${isDone ? 'is done' : 'failed'} after ${seconds} s`);
  if (!isDone) throw stepFailed({ step, end, limits, output: output.text(), log: log.path });
}

function headingOf({ title, position }: SettledStep): string {
  return position === undefined ? title : `${title} (${position.file}:${position.line}:${position.column})`;
}
