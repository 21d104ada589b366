import { AgentError } from '../../core/errors.ts';
import type { Problem } from '../../core/problems.ts';
import { accept, collect, reject, type Decoded } from '../../core/yaml/decoder.ts';
import { quote } from '../../core/yaml/text.ts';
import { readDropIns, type DropIn } from '../../host/drop-ins.ts';
import { parseTargetFile, type TargetFile } from './target-file.ts';
import type { Target } from './target.ts';

const suffix = '.yml';

/**
 * Reads all targets: the files `*.yml` of some directories, where the same name in an earlier directory replaces or
 * masks a later one.
 * @returns sorted by name.
 * @throws AgentError `invalid-config` with the problems of all files.
 */
export function loadTargets(directories: readonly string[]): readonly Target[] {
  const files = collect(readDropIns(directories, suffix).map(parseDropIn));
  if (!files.ok) throw invalid(files.problems);
  const targets = collect(files.value.map((file) => withPackages(file, files.value)));
  if (!targets.ok) throw invalid(targets.problems);
  return targets.value;
}

/**
 * Reads one target, and of the other files only the one it takes packages from: what else is there costs no time, and
 * its problems are not in the way.
 * @returns undefined where no file has that name.
 * @throws AgentError `invalid-config` with the problems of these files.
 */
export function loadTarget(directories: readonly string[], name: string): Target | undefined {
  const dropIns = readDropIns(directories, suffix);
  const file = fileOf(dropIns, name);
  if (file === undefined) return undefined;
  const source = file.packagesFrom === undefined ? undefined : fileOf(dropIns, file.packagesFrom.value);
  const target = withPackages(file, source === undefined ? [] : [source]);
  if (!target.ok) throw invalid(target.problems);
  return target.value;
}

function fileOf(dropIns: readonly DropIn[], target: string): TargetFile | undefined {
  const dropIn = dropIns.find(({ name }) => name === `${target}${suffix}`);
  const file = dropIn === undefined ? undefined : parseDropIn(dropIn);
  if (file?.ok === false) throw invalid(file.problems);
  return file?.value;
}

function invalid(problems: readonly Problem[]): AgentError {
  return new AgentError('invalid-config', 'cannot read the build targets', { problems });
}

function parseDropIn({ name, path, text }: DropIn): Decoded<TargetFile> {
  const target = name.slice(0, -suffix.length);
  return /^[a-z0-9][a-z0-9._-]*$/.test(target)
    ? parseTargetFile(text, target, path)
    : reject({ file: path, line: 1, column: 1 }, '', `${quote(target)} cannot name a target: a-z 0-9 . _ - only`);
}

/** Adds the repositories of the target that packages come from, which must have its own. */
function withPackages({ packagesFrom, ...target }: TargetFile, files: readonly TargetFile[]): Decoded<Target> {
  if (packagesFrom === undefined) return accept(target);
  const source = files.find(({ name }) => name === packagesFrom.value);
  if (source === undefined || source.repositories.length === 0) {
    const message = `there is no target ${quote(packagesFrom.value)} with repositories`;
    return reject(packagesFrom.position, 'packages_from', message);
  }
  if (target.repositories.some(({ family }) => family !== source.repositories[0]?.family))
    return reject(packagesFrom.position, 'packages_from', 'its repositories are of another family of packages');
  return accept({ ...target, repositories: [...target.repositories, ...source.repositories] });
}
