import { join } from 'node:path';

import { isAgentError, messageOf } from '../../core/errors.ts';
import type { Tree } from '../../core/tree.ts';
import { sha256 } from '../../host/digest.ts';
import { fileStatus, makeDirectory, writeAtomically } from '../../host/files.ts';
import { removeOld } from '../../host/leftovers.ts';
import { makeOwnedDirectory } from '../../host/owned.ts';
import { belowRoot } from '../../host/root.ts';
import type { PackageRequest } from '../packages/packages.ts';
import type { BuildHost } from '../request.ts';
import type { BuildRoot, BuildRoots } from '../root/build-root.ts';
import type { Sandbox, SandboxLimits } from '../sandbox/sandbox.ts';
import { namedRequests } from '../spec/build-packages.ts';
import { dependenciesFor } from '../spec/for-target.ts';
import type { Spec } from '../spec/spec.ts';
import { placesOf, type Testing, type TestPlace } from './choice.ts';
import { notRun, testsFailed, unreadable } from './failure.ts';
import { hostState, mergedTree } from './merged-tree.ts';
import { mountedSources, withMounts, type BringSources, type BroughtSources } from './mounts.ts';
import { withPackage, type TestedPackage } from './package-layer.ts';
import { expressionProblems, planTests, type PlannedTest } from './plan.ts';
import { runTest, type TestBench, type TestedTree, type TestFailure } from './run.ts';

/** What is tested. */
export interface TestSubject {
  readonly spec: Spec;
  /** The text of the spec, for messages. */
  readonly text: string;
  /** The name of the target. */
  readonly target: string;
  readonly family: 'deb' | 'rpm';
  /** The spec's own package; undefined where it has none. */
  readonly own: OwnSubject | undefined;
  /** The files of the own package, where it was made elsewhere: the package manager of the target installs them. */
  readonly packageFiles: readonly string[];
  readonly image: { readonly sha256: string; readonly tree: () => Promise<Tree> };
}

/** The own package, whose files may have to be made. */
export interface OwnSubject extends Omit<TestedPackage, 'entries'> {
  /** Says all its files. */
  readonly digest: string;
  readonly entries: () => Promise<TestedPackage['entries']>;
}

/** What it is tested with. */
export interface TestMeans {
  readonly host: Pick<BuildHost, 'exec' | 'clock' | 'progress' | 'cacheDirectory' | 'root' | 'architecture'>;
  readonly sandbox: Sandbox;
  /** Called where tests are run in a root of the target. */
  readonly roots: () => BuildRoots;
  readonly bring: BringSources;
  /** Whether only what is in the cache is used: what tests need may not be there. */
  readonly offline: boolean;
  readonly limits?: SandboxLimits;
  readonly signal?: AbortSignal;
}

/** What one step of a test may take where nothing else is said. */
export const testLimits: SandboxLimits = {
  time: 600,
  memory: 2 * 1024 ** 3,
  processes: 2048,
  disk: 4 * 1024 ** 3,
};

/** How many days it is remembered that something passed. */
const remembered = 30;

/**
 * Runs the tests of a spec against what was built of it, unless they passed before for the very same.
 * @returns where all of them passed.
 * @throws AgentError `tool-failed` with everything that is not as the tests say; `invalid-spec` where they cannot be read;
 *   `tool-missing`, and `network` offline, where this host cannot run them and that was asked for; and those of BuildRoots.prepare().
 */
export async function testExtension(
  subject: TestSubject,
  means: TestMeans,
  { choice, isAsked }: Testing,
): Promise<readonly TestPlace[]> {
  const plan = planTests(subject.spec, subject.target);
  if (plan.ok && plan.tests.length === 0) return [];
  const { progress } = means.host;
  if (choice === 'none') {
    progress.warn('the tests of the spec are not run, as that was asked for');
    return [];
  }
  const problems = plan.ok ? expressionProblems(plan.tests) : plan.problems;
  if (!plan.ok || problems.length > 0) throw unreadable(problems, subject.text);
  const places = placesOf(choice);
  try {
    for (const place of places) await testAt(place, plan.tests, subject, means);
    return places;
  } catch (error) {
    if (!isAgentError(error, 'tool-missing', ...(means.offline ? (['network'] as const) : []))) throw error;
    if (isAsked) throw notRun(error);
    progress.warn(`the tests of the spec are not run: ${messageOf(error)}`);
    return [];
  }
}

async function testAt(
  place: TestPlace,
  tests: readonly PlannedTest[],
  subject: TestSubject,
  means: TestMeans,
): Promise<void> {
  const { host, signal } = means;
  const brought = await means.bring(mountedSources(tests), signal);
  const root = place === 'target' ? await means.roots().prepare(rootRequest(subject, means)) : undefined;
  const passed = join(host.cacheDirectory, 'tested', keyOf(place, tests, subject, { brought, root, host: host.root }));
  if (fileStatus(passed) !== undefined) return;
  host.progress.step(`running the tests of the spec ${where[place]}`);
  const failures = await inWorkDirectory(means, subject, async (bench) => {
    const tree = root === undefined ? await treeOfMerge(bench, subject, means) : await withOwn(bench, root, subject);
    return runAll(bench, tree, tests, brought);
  });
  if (failures.length > 0) throw testsFailed(failures, { total: tests.length, place, ...subject });
  makeDirectory(join(host.cacheDirectory, 'tested'));
  removeOld(join(host.cacheDirectory, 'tested'), host.clock.now(), remembered);
  writeAtomically(passed, '');
}

const where: Readonly<Record<TestPlace, string>> = {
  target: 'in a root of the target',
  merged: 'in the tree of a merge',
};

/** What Dalec's test container has: the package with what it needs, and what the tests need. */
function rootRequest({ spec, target, family, own, packageFiles }: TestSubject, { host, signal }: TestMeans) {
  const lists = dependenciesFor(spec, target);
  const listed = [lists?.runtime, lists?.test].flatMap((list) => namedRequests(list, host.architecture));
  const { users = [], groups = [] } = own?.artifacts ?? {};
  const accounts: PackageRequest = { name: family === 'deb' ? 'passwd' : 'shadow-utils', constraints: [] };
  const packages = users.length + groups.length === 0 ? listed : [...listed, accounts];
  return { packages, files: packageFiles, kind: 'base', ...(signal === undefined ? {} : { signal }) } as const;
}

async function withOwn(bench: TestBench, root: BuildRoot, { own }: TestSubject): Promise<TestedTree> {
  if (own === undefined) return { lower: [root.directory] };
  return withPackage(bench, root.directory, { ...own, entries: await own.entries() });
}

async function treeOfMerge(bench: TestBench, { spec, image }: TestSubject, { host }: TestMeans): Promise<TestedTree> {
  const { name } = spec;
  if (fileStatus(belowRoot(host.root, `/usr/lib/extension-release.d/extension-release.${name}`)) !== undefined) {
    host.progress.warn(
      `an image of ${name} is merged now, and what the new one does not have is tested with its files`,
    );
  }
  return mergedTree(bench, { root: host.root, name, image: await image.tree() });
}

async function runAll(
  bench: TestBench,
  tree: TestedTree,
  tests: readonly PlannedTest[],
  brought: BroughtSources,
): Promise<readonly TestFailure[]> {
  const failures: TestFailure[] = [];
  const sources = await brought.directory(join(bench.directory, 'sources'));
  for (const [number, test] of tests.entries()) {
    const failure = await runTest(bench, await withMounts(bench, tree, { test, number, sources }), test);
    if (failure !== undefined) failures.push(failure);
  }
  return failures;
}

async function inWorkDirectory<T>(
  { host, sandbox, limits = testLimits, signal }: TestMeans,
  { spec }: TestSubject,
  work: (bench: TestBench) => Promise<T>,
): Promise<T> {
  const parent = join(host.cacheDirectory, 'tests');
  makeDirectory(parent, 0o700);
  const directory = makeOwnedDirectory(parent);
  const network = spec.build?.networkMode?.value === 'sandbox';
  try {
    const bench = { sandbox, exec: host.exec, directory, limits, network };
    return await work(signal === undefined ? bench : { ...bench, signal });
  } finally {
    await sandbox.removeLayer(directory);
  }
}

/** Counts up with every change of how tests are run that can change what they say. */
const runnerVersion = 1;

interface KeyInputs {
  readonly brought: BroughtSources;
  readonly root: BuildRoot | undefined;
  /** The directory that stands for `/` of the host. */
  readonly host: string;
}

/** All that the outcome depends on. */
function keyOf(
  place: TestPlace,
  tests: readonly PlannedTest[],
  { own, spec, image }: TestSubject,
  { brought, root, host }: KeyInputs,
): string {
  const tested =
    place === 'target'
      ? [root?.digest, own?.digest, own?.artifacts, own?.places]
      : [image.sha256, spec.name, hostState(host)];
  return sha256(digestible([runnerVersion, place, tests, spec.build?.networkMode?.value, brought.digest, tested]));
}

/** A value as text, without the places in the spec, which change with every line above. */
function digestible(value: unknown): string {
  return JSON.stringify(value, (key, part: unknown) => {
    if (key === 'position') return undefined;
    return part instanceof Map ? [...part] : part;
  });
}
