import { join } from 'node:path';

import type { Problem } from '../../core/problems.ts';
import { printable, quote } from '../../core/yaml/text.ts';
import { tailOf, type Exec } from '../../host/exec.ts';
import { openLayers } from '../../host/layered-tree.ts';
import type { Sandbox, SandboxEnd, SandboxLimits, SandboxTree } from '../sandbox/sandbox.ts';
import { fileProblems, fileSubject, outputProblems, type Look } from './checks.ts';
import type { PlannedStep, PlannedTest } from './plan.ts';

/** What tests are run with. */
export interface TestBench {
  readonly sandbox: Sandbox;
  readonly exec: Exec;
  /** For what tests write: empty, on a disk, and nobody else's. */
  readonly directory: string;
  readonly limits: SandboxLimits;
  /** Whether the steps may reach the network of the host. */
  readonly network: boolean;
  readonly signal?: AbortSignal;
}

/** What is tested: a tree that each test finds as it is. */
export type TestedTree = Omit<SandboxTree, 'upper'>;

/** What was not as a test says it. */
export interface TestFailure {
  readonly problems: readonly Problem[];
  /** Lines that help to understand them: the end of what its steps printed. */
  readonly facts: readonly string[];
}

/** What a step gets where neither the test nor the step says otherwise. */
const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
};

/** As much of a file, or of what a step prints, as is looked at, in bytes. */
const mostContent = 16 * 1024 * 1024;

/**
 * Runs a test in a fresh copy of the tree: its steps in order, until one fails; then, if all went well, the checks of its
 * files. Nothing of what it does stays.
 * @returns undefined where all is as the test says.
 * @throws AgentError as Sandbox.run() and the file system.
 */
export async function runTest(
  bench: TestBench,
  tested: TestedTree,
  test: PlannedTest,
): Promise<TestFailure | undefined> {
  const upper = join(bench.directory, 'written');
  const tree = { ...tested, upper };
  try {
    const { completed, problems, facts } = await runSteps(bench, tree, test);
    const ofFiles = completed ? await checkFiles(bench, test.steps.length === 0 ? tested : tree, test) : [];
    const all = [...problems, ...ofFiles];
    return all.length === 0 ? undefined : { problems: all, facts };
  } finally {
    await bench.sandbox.removeLayer(upper);
  }
}

interface Steps extends TestFailure {
  /** Whether every step could do its work, whatever it printed. */
  readonly completed: boolean;
}

async function runSteps(bench: TestBench, tree: SandboxTree, test: PlannedTest): Promise<Steps> {
  const problems: Problem[] = [];
  const facts: string[] = [];
  for (const step of test.steps) {
    const outcome = await runStep(bench, tree, test, step);
    const found = [...endProblems(step, outcome, bench.limits), ...printProblems(step, outcome)];
    problems.push(...found);
    if (found.length > 0) facts.push(...factsOf(step, outcome));
    if (!succeeded(outcome)) return { completed: false, problems, facts };
  }
  return { completed: true, problems, facts };
}

interface Outcome extends SandboxEnd {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

async function runStep(
  { sandbox, limits, network, signal }: TestBench,
  tree: SandboxTree,
  test: PlannedTest,
  { words, env, stdin }: PlannedStep,
): Promise<Outcome> {
  const printed = { stdout: keeper(), stderr: keeper() };
  const given = [...test.env, ...env].map(([name, { value }]) => [name, value] as const);
  const end = await sandbox.run({
    tree,
    argv: words,
    directory: '/',
    environment: { ...environment, ...Object.fromEntries(given) },
    binds: [],
    network,
    limits,
    ...(stdin === undefined ? {} : { input: stdin.value }),
    take: (piece, stream) => {
      printed[stream].add(piece);
    },
    ...(signal === undefined ? {} : { signal }),
  });
  return { ...end, stdout: printed.stdout.bytes(), stderr: printed.stderr.bytes() };
}

/** Keeps the beginning of what is printed; a byte more than is looked at says that there was more. */
function keeper(): { add(piece: Uint8Array): void; bytes(): Buffer } {
  const pieces: Buffer[] = [];
  let length = 0;
  return {
    add: (piece) => {
      const taken = Buffer.from(piece.subarray(0, mostContent + 1 - length));
      length += taken.length;
      if (taken.length > 0) pieces.push(taken);
    },
    bytes: () => Buffer.concat(pieces),
  };
}

function succeeded({ exitCode, exceeded }: SandboxEnd): boolean {
  return exitCode === 0 && exceeded === undefined;
}

function endProblems(
  { position, field, command }: PlannedStep,
  outcome: Outcome,
  limits: SandboxLimits,
): readonly Problem[] {
  if (succeeded(outcome)) return [];
  const { exitCode, exceeded } = outcome;
  const how = exceeded === undefined ? `failed with exit code ${exitCode}` : `was ended: ${excess(exceeded, limits)}`;
  return [{ position, field: `${field}.command`, message: `${quote(command)} ${how}` }];
}

function excess(kind: keyof SandboxLimits, { time, memory, processes, disk }: SandboxLimits): string {
  return {
    time: `it took more than ${time} s`,
    memory: `it took more than ${megabytes(memory)} of memory`,
    processes: `it started more than ${processes} processes`,
    disk: `it wrote more than ${megabytes(disk)} to the disk`,
  }[kind];
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}

/** Of a step that failed only what it should have printed is of no interest. */
function printProblems(step: PlannedStep, outcome: Outcome): readonly Problem[] {
  if (!succeeded(outcome)) return [];
  return (['stdout', 'stderr'] as const).flatMap((name) => {
    const at = { field: `${step.field}.${name}`, position: step.position };
    return outcome[name].length > mostContent
      ? [{ ...at, message: `${quote(step.command)} prints more than ${megabytes(mostContent)}` }]
      : outputProblems({ name, ...at }, outcome[name], step[name]);
  });
}

function factsOf({ field }: PlannedStep, outcome: Outcome): readonly string[] {
  return (['stdout', 'stderr'] as const).flatMap((name) => {
    const text = outcome[name].subarray(-4096).toString('utf8').trimEnd();
    return text === '' ? [] : [`${field} printed to ${name}:`, ...tailOf(text).map((line) => `  ${shortened(line)}`)];
  });
}

function shortened(line: string): string {
  return printable(line.replaceAll('\t', ' ').slice(0, 200));
}

async function checkFiles(
  bench: TestBench,
  tree: SandboxTree | TestedTree,
  test: PlannedTest,
): Promise<readonly Problem[]> {
  if (test.files.length === 0) return [];
  const layers = await openLayers(tree, bench.exec, bench.signal);
  const look: Look = {
    status: (path, follow) => layers.status(path, follow),
    link: (path) => layers.link(path),
    read: (path) => layers.read(path, mostContent),
  };
  return test.files.flatMap(({ path, check }) => fileProblems(fileSubject(test.field, path), check, look));
}
