import { basename, join } from 'node:path';

import { sysext } from '../core/extension-class.ts';
import { fileStatus, linkStatus, listNames } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import { readHostRelease } from '../systemd/host-release.ts';
import { readMerged } from '../systemd/merged.ts';
import { findImages } from '../systemd/search.ts';
import { judgeAll, type JudgedImage } from '../systemd/verdicts.ts';
import { entryPath } from './activation.ts';
import type { Agent } from './agent.ts';
import { digestIn, ourEntries } from './entries.ts';
import { healthChecks } from './health.ts';
import { maskDirectories, maskMark } from './masks.ts';
import { alteredEntries, observeMerge } from './merge-observation.ts';
import { bootUnit, type Mask, type Observed } from './plan.ts';
import { storedImages } from './stored-image.ts';

export interface ObservationOptions {
  /** Names that extensions of ours have or are to have. */
  readonly names: readonly string[];
  /** Whether it matters that extensions are merged at boot. */
  readonly atBoot?: boolean;
  /** Whether the health checks of the host matter. */
  readonly confirm?: boolean;
}

/** Looks at everything on the host that a plan depends on. Nothing is changed. */
export async function observe(
  agent: Agent,
  { names, atBoot = false, confirm = false }: ObservationOptions,
): Promise<Observed> {
  const { exec, paths, root, tool } = agent;
  const { version } = await tool.features();
  const host = readHostRelease(root, version);
  const masks = masksBelow(root);
  const found = findImages(
    root,
    version,
    sysext,
    masks.map(({ at }) => at),
  );
  const images = await judgeAll(found, host, exec, { path: agent.imageMemory, now: agent.clock.now() });
  const ours = ourEntries(paths.extensions, paths.store);
  const hierarchies = readMerged(root);
  return {
    host,
    images,
    ours,
    occupied: occupiedEntries(agent, ours, names),
    shadowing: shadowingImages(images, ours),
    stored: new Set(storedImages(paths.store).map(({ path }) => digestIn(path))),
    masks,
    hierarchies,
    merge: observeMerge(agent, version, images, hierarchies),
    altered: alteredEntries(agent, { ours, hierarchies }),
    healthChecks: confirm ? await healthChecks(root) : [],
    bootUnit: atBoot ? await agent.unitFileState(bootUnit) : undefined,
  };
}

/** Directories that keep systemd from an image, by the mark that is in each of ours. */
export function masksBelow(root: string): Mask[] {
  return maskDirectories.flatMap((directory) =>
    listNames(belowRoot(root, directory))
      .filter((name) => fileStatus(join(belowRoot(root, directory), name, maskMark)) !== undefined)
      .map((name) => ({ name, at: `${directory}/${name}` })),
  );
}

function occupiedEntries(agent: Agent, ours: Observed['ours'], names: readonly string[]): Map<string, string> {
  const { extensions } = agent.paths;
  const own = new Set(ours.map(({ path }) => basename(path)));
  return new Map(
    names.flatMap((name) =>
      (['directory', 'raw'] as const)
        .map((kind) => entryPath(extensions, name, kind))
        .filter((path) => !own.has(basename(path)) && linkStatus(path) !== undefined)
        .map((path) => [name, path] as const),
    ),
  );
}

function shadowingImages(images: readonly JudgedImage[], ours: Observed['ours']): Map<string, string> {
  const own = new Set(ours.map(({ path }) => path));
  const foreign = images.filter(({ image }) => !own.has(image.path));
  return new Map(foreign.map(({ image }) => [image.name, image.realPath]));
}
