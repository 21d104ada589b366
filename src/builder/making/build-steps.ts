import type { Build } from '../spec/build.ts';
import { dependenciesFor } from '../spec/for-target.ts';
import type { Spec } from '../spec/spec.ts';
import { buildDirectory, type MakingStep } from './making-step.ts';
import { shellCommand } from './script.ts';
import { buildCaches, isGo, type BuildCaches, type CacheOwner } from './step-caches.ts';

/** The build steps of a spec, each a script of its own that begins where the sources are. */
export function buildSteps(spec: Spec, owner: CacheOwner): readonly MakingStep[] {
  const { build } = spec;
  if (build === undefined || build.steps.length === 0) return [];
  const caches = buildCaches(build.caches, usesGo(spec, owner.target), owner);
  return [
    ...(caches.bazel === undefined ? [] : [bazelStep(build, caches.bazel)]),
    ...build.steps.map((_, index) => buildStep(build, index, caches)),
  ];
}

function buildStep({ steps, env, networkMode }: Build, index: number, caches: BuildCaches): MakingStep {
  const { command = '', env: own = new Map(), position } = steps[index] ?? {};
  return {
    title: `build step ${index + 1}`,
    position,
    argv: shellCommand(command, { environments: [env, own], before: caches.before }),
    directory: buildDirectory,
    environment: caches.environment,
    network: networkMode?.value === 'sandbox',
    binds: [],
    caches: caches.caches,
    exports: {},
  };
}

/** The file of the whole system, which bazel reads before any other (bazel.build, "Write bazelrc configuration files"). */
function bazelStep({ position }: Build, text: string): MakingStep {
  return {
    title: 'bazel is told of its cache',
    position,
    argv: ['/bin/sh', '-ec', 'printf %s "$1" >> /etc/bazel.bazelrc', 'sh', text],
    directory: buildDirectory,
    environment: {},
    network: false,
    binds: [],
    caches: [],
    exports: {},
  };
}

function usesGo(spec: Spec, target: string): boolean {
  const packages = dependenciesFor(spec, target)?.build ?? [];
  const hasModules = [...spec.sources.values()].some(({ generators }) =>
    generators.some(({ kind }) => kind === 'gomod'),
  );
  return hasModules || packages.some(({ name }) => isGo(name));
}
