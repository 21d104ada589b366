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
 * image is no reason: tests, the container, the changelog, signing, the packages that building would need.
 * @param target its key; undefined: what holds for every target.
 * @param prebuilt whether the spec's own package is there already, so that nothing has to be made for it.
 */
export function unbuildable(spec: Spec, target: string | undefined, prebuilt = false): readonly Problem[] {
  return [
    ...missing(spec),
    ...frontendOf(spec, target),
    ...unusableRepositories(spec, target),
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
  const files = [
    ...madeFiles(artifacts, fieldPath(parent, 'artifacts')),
    ...spec.placing.places.map(({ path }) => ({ field: fieldPath('x-sysext.files', path.value), path })),
  ];
  const [first] = files;
  if (first === undefined) return [];
  const [step] = spec.build?.steps ?? [];
  return step === undefined ? unmadeFiles(spec, files) : buildProblems(spec, step.position, first);
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

/** Build steps may make or change any file, so all of the build is needed, and everything that goes into it. */
function buildProblems(spec: Spec, position: Problem['position'], example: MadeFile): readonly Problem[] {
  const message = `build steps are not run by this version of sysext-agent, and ${example.field} may come out of them`;
  const sources = Array.from(spec.sources).flatMap(([name, source]) => sourceProblems(spec, name, source));
  return [...sources, { position, field: 'build.steps', message }];
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
  return [...lost, ...Array.from(needed).flatMap(([name, source]) => sourceProblems(spec, name, source))];
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

function sourceProblems(spec: Spec, name: string, source: Source): readonly Problem[] {
  return [...unfetched(source, fieldPath('sources', name)), ...patchProblems(spec, name)];
}

function patchProblems(spec: Spec, name: string): readonly Problem[] {
  const [first] = spec.patches.get(name) ?? [];
  if (first === undefined) return [];
  const message = 'patches are not applied by this version of sysext-agent';
  return [{ position: first.position, field: fieldPath('patches', name), message }];
}
