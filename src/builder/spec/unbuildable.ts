import type { Problem } from '../../core/problems.ts';
import { fieldPath, quote } from '../../core/yaml/text.ts';
import { artifactKinds, type Artifacts } from './artifacts.ts';
import { artifactsFor } from './for-target.ts';
import type { Source, Text } from './sources.ts';
import type { Spec } from './spec.ts';
import { unfetched } from './unfetched.ts';
import { unusableRepositories } from './unusable-repositories.ts';

/** A file of the spec's own package: the path of its field, and its key, which says where it comes from. */
interface MadeFile {
  readonly field: string;
  readonly path: Text;
}

/**
 * Everything that stands in the way of building a spec for a target here, each with its place. What does not change the
 * image is no reason: the container, the changelog, signing, sources and build steps that no artifact comes of.
 * @param target its key; undefined: what holds for every target.
 * @param prebuilt whether the spec's own package is there already, so that nothing has to be made for it.
 */
export function unbuildable(spec: Spec, target: string | undefined, prebuilt = false): readonly Problem[] {
  return [
    ...missing(spec),
    ...frontendOf(spec, target),
    ...unusableRepositories(spec, target, !prebuilt && isMade(spec, target) ? ['install', 'build'] : ['install']),
    ...(prebuilt ? [] : artifactProblems(spec, target)),
  ];
}

/** What every image is named by. */
function missing(spec: Spec): readonly Problem[] {
  const { name, version, position } = spec;
  return [
    ...(name === '' ? [{ position, field: 'name', message: 'this field is required' }] : []),
    ...(version.value === '' ? [{ position, field: 'version', message: 'this field is required' }] : []),
  ];
}

function frontendOf(spec: Spec, target: string | undefined): readonly Problem[] {
  const frontend = target === undefined ? undefined : spec.targets.get(target)?.frontend;
  if (target === undefined || frontend === undefined) return [];
  const message = `the target is built by another program, ${quote(frontend.image)}: frontends are not run here`;
  return [{ position: frontend.position, field: `${fieldPath('targets', target)}.frontend`, message }];
}

function artifactProblems(spec: Spec, target: string | undefined): readonly Problem[] {
  const artifacts = artifactsFor(spec, target);
  if (artifacts === undefined) return [];
  const parent = target === undefined || artifacts === spec.artifacts ? '' : fieldPath('targets', target);
  const files = [...madeFiles(artifacts, fieldPath(parent, 'artifacts')), ...placedFiles(spec)];
  if (files.length === 0) return [];
  return hasSteps(spec) ? [...outsideFiles(files), ...allSources(spec)] : unmadeFiles(spec, files);
}

/** All files that come out of the directory in which the sources are, with the paths of their fields. */
export function madeFiles(artifacts: Artifacts, field: string): readonly MadeFile[] {
  const at = (path: string) => (file: { readonly path: Text }) => ({
    field: fieldPath(`${field}.${path}`, file.path.value),
    path: file.path,
  });
  return [
    ...artifactKinds.flatMap((kind) => artifacts.files[kind].map(at(kind))),
    ...artifacts.systemd.units.map(at('systemd.units')),
    ...artifacts.systemd.dropins.map(at('systemd.dropins')),
  ];
}

function placedFiles({ placing }: Spec): readonly MadeFile[] {
  return placing.places.map(({ path }) => ({ field: fieldPath('x-sysext.files', path.value), path }));
}

/** Where there are build steps they may make or change any file, so all that goes into the build is needed. */
function allSources(spec: Spec): readonly Problem[] {
  return Array.from(spec.sources).flatMap(([name, source]) => unfetched(source, fieldPath('sources', name)));
}

/** Artifacts that cannot come out of the build, whatever its steps do. */
function outsideFiles(files: readonly MadeFile[]): readonly Problem[] {
  return files
    .filter(({ path }) => sourceOf(path.value) === undefined)
    .map(({ field, path }) => ({ position: path.position, field, message: lostMessage(path.value, undefined) }));
}

/** Without build steps each file must be one that is in a source already. */
function unmadeFiles(spec: Spec, files: readonly MadeFile[]): readonly Problem[] {
  const needed = new Map<string, Source>();
  const lost = files.flatMap(({ field, path }) => {
    const name = sourceOf(path.value);
    const source = name === undefined ? undefined : spec.sources.get(name);
    if (name !== undefined && source !== undefined) needed.set(name, source);
    return source === undefined ? [{ position: path.position, field, message: lostMessage(path.value, name) }] : [];
  });
  if (lost.length > 0) return lost;
  return Array.from(withPatchSources(spec, needed)).flatMap(([name, source]) =>
    unfetched(source, fieldPath('sources', name)),
  );
}

/** The source that a path begins in; undefined for a path that leads elsewhere. */
export function sourceOf(path: string): string | undefined {
  const parts = path.split('/').filter((part) => part !== '.' && part !== '');
  return path.startsWith('/') || parts.includes('..') ? undefined : parts[0];
}

function lostMessage(path: string, name: string | undefined): string {
  return name === undefined
    ? `${quote(path)} leads out of the directory of the sources`
    : `there is no source ${quote(name)}, and no build step that makes ${quote(path)}`;
}

/** Patches are in other sources. */
function withPatchSources(spec: Spec, sources: ReadonlyMap<string, Source>): ReadonlyMap<string, Source> {
  const patches = [...sources.keys()].flatMap((name) => spec.patches.get(name) ?? []);
  const more = patches.flatMap(({ source: { value: name } }) => {
    const source = spec.sources.get(name);
    return source === undefined ? [] : [[name, source] as const];
  });
  return new Map([...sources, ...more]);
}

function hasSteps({ build }: Spec): boolean {
  return (build?.steps.length ?? 0) > 0;
}

/**
 * Whether a target's artifacts have to be made: by build steps, patches and generators, or of sources that are not on this
 * host. Others are taken from where they are.
 */
export function isMade(spec: Spec, target: string | undefined): boolean {
  const artifacts = artifactsFor(spec, target);
  const files = artifacts === undefined ? [] : [...madeFiles(artifacts, 'artifacts'), ...placedFiles(spec)];
  if (files.length === 0) return false;
  return hasSteps(spec) || files.some(({ path }) => isOfMadeSource(spec, sourceOf(path.value)));
}

function isOfMadeSource({ sources, patches }: Spec, name = ''): boolean {
  const source = sources.get(name);
  if (source === undefined) return false;
  const isHere = source.kind === 'inline' || source.kind === 'context';
  return !isHere || source.generators.length > 0 || (patches.get(name) ?? []).length > 0;
}
