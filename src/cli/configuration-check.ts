import { fieldOfSource } from '../agent/fleet/combine.ts';
import {
  fleetConfiguration,
  wholeFile,
  type FleetConfiguration,
  type FleetExtension,
  type Wish,
} from '../agent/fleet/configuration.ts';
import { parseSettings } from '../agent/settings-file.ts';
import { lintInlineSpec, lintSpec, type LintReport } from '../builder/spec/lint.ts';
import { loadTargets } from '../builder/targets/load.ts';
import { AgentError } from '../core/errors.ts';
import { hasDigest, placeOfReference, type ImageReference } from '../core/image-reference.ts';
import type { Located, Position, Problem } from '../core/problems.ts';
import type { TrustRule } from '../core/trust-rules.ts';
import { isInRange } from '../core/version-range.ts';
import { inOrder } from '../core/yaml/document.ts';
import { fieldPath, nearestName, quote } from '../core/yaml/text.ts';
import { checkedFile, type CheckedDropIns } from '../host/checked-drop-ins.ts';
import { fileStatus } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import { readKeyRing } from '../published/trust/key-ring.ts';
import { trustProblems, type TrustSettings } from '../published/trust/settings-check.ts';
import { buildArchitecture } from './build-host.ts';
import type { ConfigurationFiles } from './configuration-files.ts';

export interface CheckSettings {
  /** Where the files are that drop-ins name. */
  readonly root: string;
  /** Whether they must be there: a repository need not have them. */
  readonly complete: boolean;
  /** Whether drop-ins are only some of those that a host has: others may say where an extension comes from. */
  readonly partial: boolean;
}

/** Everything that can be said about a configuration without the network. */
export interface ConfigurationReport {
  /** The files that were looked at. */
  readonly files: readonly string[];
  readonly errors: readonly Problem[];
  readonly warnings: readonly Problem[];
  readonly notes: readonly Problem[];
}

export function checkConfiguration(files: ConfigurationFiles, settings: CheckSettings): ConfigurationReport {
  const fleet = fleetConfiguration(files.fleet, settings.partial);
  const targets = targetsIn(files.targets);
  const trust = trustIn(files, settings.root);
  const looked = [...settingsProblems(files.settings), ...fleet.problems, ...targets.problems];
  const reports = fleet.extensions.map((extension) =>
    checkExtension(extension, { ...settings, fleet, targets: targets.names, trust }),
  );
  return {
    files: [...files.settings.dropIns, ...files.fleet.dropIns].map(({ path }) => path),
    errors: [...looked, ...reports.flatMap(({ errors }) => errors)],
    warnings: reports.flatMap(({ warnings }) => warnings),
    notes: reports.flatMap(({ notes }) => notes),
  };
}

/** What is wrong with the files of agent.yml and agent.d. */
export function settingsProblems({ dropIns, closed }: CheckedDropIns): readonly Problem[] {
  return [
    ...closed.map(({ path, why }) => wholeFile(path, why)),
    ...dropIns.flatMap((found) => {
      if (found.kind === 'refused') return [wholeFile(found.path, found.why)];
      return found.kind === 'mask' ? [] : problemsOf(found.path, () => parseSettings(found.text, found.path)).problems;
    }),
  ];
}

/** What a whole system says of trust; a repository need not say it. */
function trustIn({ settings, keys }: ConfigurationFiles, root: string): TrustSettings | undefined {
  return keys === undefined ? undefined : { rules: trustRulesIn(settings), keys: readKeyRing(keys, root) };
}

/** The rules of the files that can be read. */
function trustRulesIn({ dropIns }: CheckedDropIns): readonly TrustRule[] {
  return dropIns.flatMap((found) =>
    found.kind === 'file'
      ? (problemsOf(found.path, () => parseSettings(found.text, found.path)).value?.trust ?? [])
      : [],
  );
}

interface Attempted<T> {
  readonly value?: T;
  readonly problems: readonly Problem[];
}

/** What a reader throws, as problems. */
function problemsOf<T>(file: string, read: () => T): Attempted<T> {
  try {
    return { value: read(), problems: [] };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { problems: error.details.problems ?? [wholeFile(file, error.message)] };
  }
}

interface KnownTargets {
  /** Undefined where they cannot be read: then nothing is said of names. */
  readonly names: readonly string[] | undefined;
  readonly problems: readonly Problem[];
}

function targetsIn(directories: readonly string[]): KnownTargets {
  const { value, problems } = problemsOf(directories[0] ?? '', () => loadTargets(directories));
  return { names: value?.map(({ name }) => name), problems };
}

interface ExtensionSettings extends CheckSettings {
  readonly trust: TrustSettings | undefined;
  readonly fleet: FleetConfiguration;
  readonly targets: readonly string[] | undefined;
}

const noReport: LintReport = { errors: [], warnings: [], notes: [] };

/** What the files are like that an extension names. */
function checkExtension(extension: FleetExtension, settings: ExtensionSettings): LintReport {
  const { said, meaning, name } = extension;
  if (meaning.kind !== 'wanted' || said.source === undefined) return noReport;
  const path = fieldPath('extensions', name);
  const about: About = { ...settings, extension, wish: meaning.wish, position: said.source.position, path };
  const { source } = meaning.wish;
  switch (source.kind) {
    case 'reference':
      return trustReport(source.reference, about);
    case 'image':
      return isThere(source.path, about) ? noReport : missing(source.path, about);
    case 'spec':
      return isThere(source.path, about) ? fileReport(source.path, about) : missing(source.path, about);
    case 'inline-spec': {
      const { file } = source.spec.position;
      const text = settings.fleet.texts.get(file) ?? '';
      return specReport(about, lintInlineSpec(source.spec, fieldPath(path, 'spec'), lintRequest(about, file, text)));
    }
  }
}

interface About extends ExtensionSettings {
  readonly extension: FleetExtension;
  readonly wish: Wish;
  /** Of its source. */
  readonly position: Position;
  readonly path: string;
}

/** Of a whole system it is known beforehand what will not be taken from a place. */
function trustReport(reference: ImageReference, about: About): LintReport {
  const { trust, position, path, fleet, extension } = about;
  if (trust === undefined || hasDigest(reference)) return noReport;
  const problems = trustProblems(trust, { place: placeOfReference(reference), name: extension.name });
  const found = problems.map((message) => ({ position, field: fieldPath(path, 'from'), message }));
  return { ...noReport, warnings: withLines(found, fleet) };
}

function isThere(path: string, { root }: About): boolean {
  return fileStatus(belowRoot(root, path)) !== undefined;
}

function missing(path: string, { complete, position, wish, path: field, fleet }: About): LintReport {
  const message = `there is no ${path}${complete ? '' : ' here: it was not looked at'}`;
  const problem = { position, field: fieldPath(field, fieldOfSource[wish.source.kind]), message };
  const shown = withLines([problem], fleet);
  return complete ? { ...noReport, errors: shown } : { ...noReport, notes: shown };
}

function fileReport(path: string, about: About): LintReport {
  const file = belowRoot(about.root, path);
  const found = checkedFile(file, false);
  if (found.kind === 'refused') return { ...noReport, errors: [wholeFile(file, found.why)] };
  const text = found.kind === 'mask' ? '' : found.text;
  return specReport(about, lintSpec(lintRequest(about, file, text)));
}

function lintRequest({ wish, targets = [] }: About, file: string, text: string) {
  return {
    text,
    file,
    target: targets.find((name) => name === wish.target),
    buildArguments: wish.args,
    architecture: buildArchitecture(),
    targets,
    extensionOnly: true,
  };
}

/** What lint says of a spec, and how it goes with the drop-ins. */
function specReport(about: About, report: LintReport): LintReport {
  const problems = [...nameProblems(about, report), ...versionProblems(about, report), ...targetProblems(about)];
  return { ...report, errors: [...withLines(problems, about.fleet), ...report.errors] };
}

function nameProblems({ extension, position, path }: About, { makes }: LintReport): readonly Problem[] {
  if (makes === undefined || makes.name === '' || makes.name === extension.name) return [];
  const message = `the spec makes the extension ${quote(makes.name)}: name it so here, or there ${quote(extension.name)}`;
  return [{ position, field: fieldPath(path, 'spec'), message }];
}

function versionProblems({ extension: { said }, path }: About, { makes }: LintReport): readonly Problem[] {
  const { version } = said;
  if (version === undefined || makes === undefined || makes.version === '') return [];
  if (isInRange(makes.version, version.value)) return [];
  const message = `the spec makes the version ${quote(makes.version)}, which is not in this range`;
  return [{ position: version.position, field: fieldPath(path, 'version'), message }];
}

function targetProblems({ extension: { said }, path, targets }: About): readonly Problem[] {
  const { target } = said;
  if (target === undefined || targets === undefined || targets.includes(target.value)) return [];
  return [{ position: target.position, field: fieldPath(path, 'target'), message: noTarget(target, targets) }];
}

function noTarget({ value }: Located<string>, targets: readonly string[]): string {
  const nearest = nearestName(value, targets);
  return `there is no target ${quote(value)}${nearest === undefined ? '' : `, did you mean ${quote(nearest)}?`}`;
}

function withLines(problems: readonly Problem[], { texts }: FleetConfiguration): readonly Problem[] {
  return problems.flatMap((problem) => inOrder([problem], texts.get(problem.position.file) ?? ''));
}
