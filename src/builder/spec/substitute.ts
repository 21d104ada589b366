import { dockerArchitecture, type Architecture } from '../../core/architecture.ts';
import type { Problem } from '../../core/problems.ts';
import type { Decoded } from '../../core/yaml/decoder.ts';
import { fieldPath, itemPath } from '../../core/yaml/text.ts';
import type { Build } from './build.ts';
import { isPlatformArgument, type PlatformArgument } from './build-arguments.ts';
import { expanderFor, type Expander } from './expander.ts';
import { constraintRule, fileNamePartRule, networkModeRule } from './expansion.ts';
import type { ContainerImage } from './image.ts';
import type {
  Dependencies,
  ExtraRepo,
  NamedPackages,
  PackageConfig,
  PackageRelations,
  Spec,
  SpecTarget,
} from './spec.ts';
import { expandMounts, expandSource } from './substitute-sources.ts';
import { expandTests } from './substitute-tests.ts';

/** What a spec is expanded for. */
export interface ExpansionArguments {
  /** The build arguments of the user. */
  readonly given: Readonly<Record<string, string>>;
  /** The key of the target; undefined where the spec is looked at for none. */
  readonly target: string | undefined;
  /** The architecture that the image is for, and is built on. */
  readonly architecture: Architecture;
}

/**
 * Expands the build arguments of a spec in the fields in which Dalec does that; all others stay as they are.
 * @returns the spec, or every problem with its place.
 */
export function substitute(spec: Spec, args: ExpansionArguments): Decoded<Spec> {
  const problems: Problem[] = [];
  const expander = expanderFor(valuesFor(spec, args), problems);
  const expanded = expandSpec(expander, spec, args.given['SOURCE_DATE_EPOCH']);
  return problems.length === 0 ? { ok: true, value: expanded } : { ok: false, problems };
}

/** The values of all arguments that have one: those of the user before the defaults, those of the platform before all. */
function valuesFor(spec: Spec, { given, target, architecture }: ExpansionArguments): ReadonlyMap<string, string> {
  const platform = platformValues(architecture);
  const values = new Map<string, string>();
  for (const [name, { value }] of spec.args) {
    values.set(name, isPlatformArgument(name) ? platform[name] : (own(given, name) ?? value));
  }
  if (target !== undefined && values.has('DALEC_TARGET')) values.set('DALEC_TARGET', target);
  const epoch = own(given, 'SOURCE_DATE_EPOCH');
  if (epoch !== undefined) values.set('SOURCE_DATE_EPOCH', epoch);
  return values;
}

function own(values: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

/** As Docker names them; an image is built on the platform that it is for. */
function platformValues(architecture: Architecture): Readonly<Record<PlatformArgument, string>> {
  const [os, arch] = ['linux', dockerArchitecture(architecture)];
  const platform = `${os}/${arch}`;
  return {
    BUILDARCH: arch,
    BUILDOS: os,
    BUILDPLATFORM: platform,
    BUILDVARIANT: '',
    TARGETARCH: arch,
    TARGETOS: os,
    TARGETPLATFORM: platform,
    TARGETVARIANT: '',
  };
}

function expandSpec(expander: Expander, spec: Spec, epoch: string | undefined): Spec {
  return {
    ...spec,
    ...expandRelations(expander, spec, ''),
    version: expander.text(spec.version, 'version', fileNamePartRule),
    revision: expander.text(spec.revision, 'revision', fileNamePartRule),
    sources: mapEntries(spec.sources, (source, name) => expandSource(expander, source, fieldPath('sources', name))),
    patches: mapEntries(spec.patches, (patches, name) =>
      patches.map((patch, index) => {
        const field = `${itemPath(fieldPath('patches', name), index)}.path`;
        return { ...patch, path: expander.optional(patch.path, field) };
      }),
    ),
    build: spec.build === undefined ? undefined : expandBuild(expander, spec.build, epoch),
    dependencies: expandDependencies(expander, spec.dependencies, 'dependencies'),
    targets: mapEntries(spec.targets, (target, name) => expandTarget(expander, target, fieldPath('targets', name))),
    packageConfig: expandPackageConfig(expander, spec.packageConfig, 'package_config'),
    image: expandImage(expander, spec.image, 'image'),
    tests: expandTests(expander, spec.tests, 'tests'),
  };
}

function expandTarget(expander: Expander, target: SpecTarget, field: string): SpecTarget {
  return {
    ...target,
    ...expandRelations(expander, target, field),
    dependencies: expandDependencies(expander, target.dependencies, fieldPath(field, 'dependencies')),
    packageConfig: expandPackageConfig(expander, target.packageConfig, fieldPath(field, 'package_config')),
    image: expandImage(expander, target.image, fieldPath(field, 'image')),
    tests: expandTests(expander, target.tests, fieldPath(field, 'tests')),
  };
}

/** A map with the same keys, in the same order. */
export function mapEntries<T, U>(map: ReadonlyMap<string, T>, change: (value: T, key: string) => U): Map<string, U> {
  return new Map(Array.from(map, ([key, value]) => [key, change(value, key)]));
}

function expandBuild(expander: Expander, build: Build, epoch: string | undefined): Build {
  const env = expander.map(build.env, 'build.env');
  const own = epoch === undefined || env.has('SOURCE_DATE_EPOCH') ? [] : [['SOURCE_DATE_EPOCH', epoch] as const];
  return {
    ...build,
    env: new Map([...env, ...own.map(([name, value]) => [name, { value, position: build.position }] as const)]),
    networkMode: expander.optional(build.networkMode, 'build.network_mode', networkModeRule),
    steps: build.steps.map((step, index) => ({
      ...step,
      env: expander.map(step.env, `${itemPath('build.steps', index)}.env`),
    })),
  };
}

function expandRelations(expander: Expander, relations: PackageRelations, field: string): PackageRelations {
  return {
    provides: expandPackages(expander, relations.provides, fieldPath(field, 'provides')),
    replaces: expandPackages(expander, relations.replaces, fieldPath(field, 'replaces')),
    conflicts: expandPackages(expander, relations.conflicts, fieldPath(field, 'conflicts')),
  };
}

/** Of the lists of packages only these two; those of the sysext are taken as they are written. */
function expandDependencies(
  expander: Expander,
  dependencies: Dependencies | undefined,
  field: string,
): Dependencies | undefined {
  if (dependencies === undefined) return undefined;
  return {
    ...dependencies,
    build: expandPackages(expander, dependencies.build, `${field}.build`),
    runtime: expandPackages(expander, dependencies.runtime, `${field}.runtime`),
    extraRepos: dependencies.extraRepos.map((repo, index) =>
      expandRepo(expander, repo, itemPath(`${field}.extra_repos`, index)),
    ),
  };
}

function expandPackages(expander: Expander, packages: NamedPackages, field: string): NamedPackages {
  return packages?.map((dependency) => ({
    ...dependency,
    versions: expander.list(dependency.versions, `${fieldPath(field, dependency.name)}.version`, constraintRule),
  }));
}

function expandRepo(expander: Expander, repo: ExtraRepo, field: string): ExtraRepo {
  return {
    ...repo,
    keys: mapEntries(repo.keys, (source, name) => expandSource(expander, source, fieldPath(`${field}.keys`, name))),
    config: mapEntries(repo.config, (source, name) =>
      expandSource(expander, source, fieldPath(`${field}.config`, name)),
    ),
    data: expandMounts(expander, repo.data, `${field}.data`),
  };
}

function expandPackageConfig(
  expander: Expander,
  config: PackageConfig | undefined,
  field: string,
): PackageConfig | undefined {
  if (config?.signer === undefined) return config;
  return { signer: { ...config.signer, args: expander.map(config.signer.args, `${field}.signer.args`) } };
}

function expandImage(expander: Expander, image: ContainerImage | undefined, field: string): ContainerImage | undefined {
  return image === undefined ? undefined : { ...image, labels: expander.map(image.labels, `${field}.labels`) };
}
