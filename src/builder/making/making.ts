import { sha256 } from '../../host/digest.ts';
import type { Architecture } from '../../core/architecture.ts';
import type { Layout } from '../artifacts/layout.ts';
import type { FilesAt } from '../artifacts/own-files.ts';
import { placements } from '../artifacts/placements.ts';
import type { BuildRoot, BuildRoots } from '../root/build-root.ts';
import type { Artifacts } from '../spec/artifacts.ts';
import { buildPackages } from '../spec/build-packages.ts';
import type { Spec } from '../spec/spec.ts';
import { artifactPath } from './artifact-paths.ts';
import { buildSteps } from './build-steps.ts';
import { makeTree, type MakingMeans } from './executor.ts';
import { artifactArchive, filesIn } from './finished.ts';
import { firstKey, keysAfter, settled } from './keys.ts';
import type { Material, PreparedSources } from './making-step.ts';
import { stripStep } from './strip-step.ts';

/** What is made, and for what. */
export interface MakingOrder {
  /** With its build arguments expanded. */
  readonly spec: Spec;
  readonly specPath: string;
  readonly target: string;
  readonly architecture: Architecture;
  readonly artifacts: Artifacts;
  readonly layout: Layout;
  /** The time of all files that are made, in seconds since 1970. */
  readonly epoch: number;
}

/** What it is made with. */
export interface MakingParts extends MakingMeans {
  readonly roots: BuildRoots;
  readonly sources: () => Promise<PreparedSources>;
}

/** A build of which it is known what it is made of. Nothing was run for it yet. */
export interface Making {
  /** Says all that its artifacts are. */
  readonly digest: string;
  readonly warnings: readonly string[];
  readonly root: BuildRoot;
  readonly materials: readonly Material[];
  /**
   * Runs what was not run before.
   * @returns the files of the artifacts, by their paths below where the sources are.
   */
  artifacts(): Promise<FilesAt>;
}

/**
 * Brings the sources here and prepares the build root.
 * @throws AgentError those of BuildRoots.prepare() and of bringing sources here.
 */
export async function prepareMaking(order: MakingOrder, parts: MakingParts): Promise<Making> {
  const { spec, target, architecture, artifacts, layout, epoch } = order;
  const { signal } = parts;
  const sources = await parts.sources();
  const packages = buildPackages(spec, target, architecture);
  const root = await parts.roots.prepare({
    packages,
    files: [],
    kind: 'build',
    ...(signal === undefined ? {} : { signal }),
  });
  const strip = stripStep(artifacts, spec.placing, layout);
  const owner = { spec: order.specPath, target, architecture };
  const steps = settled(
    [...sources.steps, ...buildSteps(spec, owner), ...(strip === undefined ? [] : [strip])],
    commonEnvironment(epoch),
  );
  const ground = { key: firstKey(root.digest, sources.digest), layers: [root.directory, sources.layer] };
  const key = keysAfter(ground.key, steps).at(-1) ?? ground.key;
  const paths = placements(artifacts, { layout, pkg: spec.name, placing: spec.placing }).map(({ from }) =>
    artifactPath(from.value),
  );
  return {
    digest: sha256(JSON.stringify([key, withoutPlaces([artifacts, spec.placing]), layout, spec.name, epoch])),
    warnings: sources.warnings,
    root,
    materials: sources.materials,
    artifacts: async () => {
      const archive = await artifactArchive({ key, paths, tree: () => makeTree(ground, steps, parts) }, parts);
      return filesIn(archive, spec.sources);
    },
  };
}

/** Where something stands in the spec changes nothing about what is made. */
function withoutPlaces(artifacts: unknown): unknown {
  return JSON.parse(
    JSON.stringify(artifacts, (key, value: unknown) => (key === 'position' ? undefined : value)),
  ) as unknown;
}

/** The earliest time that every archive can hold: zip files begin with 1980. */
const earliest = 315_532_800;

/** The time that builds are told of, and their sources have: of a build whose time is 0, nobody has said one. */
export function timeInside(epoch: number): number {
  return Math.max(epoch, earliest);
}

/** What every step has in its environment, whatever the spec says. */
export function commonEnvironment(epoch: number): Readonly<Record<string, string>> {
  return {
    HOME: '/root',
    LANG: 'C.UTF-8',
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    SOURCE_DATE_EPOCH: String(timeInside(epoch)),
    TZ: 'UTC',
  };
}
