import { noArtifacts, type Artifacts } from './artifacts.ts';
import type { ContainerImage } from './image.ts';
import type { Dependencies, PackageConfig, PackageRelations, Spec, SpecTarget } from './spec.ts';
import type { SpecTest } from './tests.ts';

/** What a target says, where the spec says anything for it; without a target only what holds for all is looked at. */
function targetOf(spec: Spec, target: string | undefined): SpecTarget | undefined {
  return target === undefined ? undefined : spec.targets.get(target);
}

/** The list of the target if there is anything in it, else that of the spec. */
function preferred<T extends readonly unknown[] | undefined>(ofTarget: T, ofSpec: T): T {
  return ofTarget !== undefined && ofTarget.length > 0 ? ofTarget : ofSpec;
}

/** The packages for a target, list by list; undefined where neither the target nor the spec names any. */
export function dependenciesFor(spec: Spec, target: string | undefined): Dependencies | undefined {
  const [own, common] = [targetOf(spec, target)?.dependencies, spec.dependencies];
  if (own === undefined || common === undefined) return own ?? common;
  return {
    build: preferred(own.build, common.build),
    runtime: preferred(own.runtime, common.runtime),
    recommends: preferred(own.recommends, common.recommends),
    sysext: preferred(own.sysext, common.sysext),
    test: preferred(own.test, common.test),
    extraRepos: preferred(own.extraRepos, common.extraRepos),
  };
}

/**
 * What the spec's own package consists of: all that the target says, even if it is nothing, or all that the spec says; where
 * neither says anything, what our own part of the spec places alone.
 */
export function artifactsFor(spec: Spec, target: string | undefined): Artifacts | undefined {
  const placesAny = spec.placing.places.length > 0;
  return targetOf(spec, target)?.artifacts ?? spec.artifacts ?? (placesAny ? noArtifacts(spec.position) : undefined);
}

/** Each relation of the target takes the place of that of the spec; an empty one takes it away. */
export function relationsFor(spec: Spec, target: string | undefined): PackageRelations {
  const own = targetOf(spec, target);
  return {
    provides: own?.provides ?? spec.provides,
    replaces: own?.replaces ?? spec.replaces,
    conflicts: own?.conflicts ?? spec.conflicts,
  };
}

/** The tests of the spec, then those of the target. */
export function testsFor(spec: Spec, target: string | undefined): readonly SpecTest[] {
  return [...spec.tests, ...(targetOf(spec, target)?.tests ?? [])];
}

/** The signer of the target if it names an image, else that of the spec. */
export function packageConfigFor(spec: Spec, target: string | undefined): PackageConfig | undefined {
  const own = targetOf(spec, target)?.packageConfig;
  return (own?.signer?.image ?? '') === '' ? spec.packageConfig : own;
}

/** The container of the spec with what the target says laid over it. */
export function imageFor(spec: Spec, target: string | undefined): ContainerImage | undefined {
  const [own, common] = [targetOf(spec, target)?.image, spec.image];
  if (own === undefined || common === undefined) return own ?? common;
  const text = (ofTarget: string, ofSpec: string) => (ofTarget === '' ? ofSpec : ofTarget);
  return {
    position: own.position,
    entrypoint: text(own.entrypoint, common.entrypoint),
    cmd: text(own.cmd, common.cmd),
    env: [...common.env, ...own.env],
    labels: new Map([...common.labels, ...own.labels]),
    volumes: [...new Set([...common.volumes, ...own.volumes])],
    workingDirectory: text(own.workingDirectory, common.workingDirectory),
    stopSignal: text(own.stopSignal, common.stopSignal),
    user: text(own.user, common.user),
    bases: own.bases ?? common.bases,
    post: own.post ?? common.post,
  };
}
