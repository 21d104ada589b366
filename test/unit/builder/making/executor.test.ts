import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { beginLog, newestLog, type BuildLog } from '../../../../src/builder/making/build-log.ts';
import { makeTree, type MakingMeans } from '../../../../src/builder/making/executor.ts';
import { settled } from '../../../../src/builder/making/keys.ts';
import type { MakingStep } from '../../../../src/builder/making/making-step.ts';
import type { Sandbox, SandboxEnd, SandboxRun } from '../../../../src/builder/sandbox/sandbox.ts';
import { isAgentError, renderError } from '../../../../src/core/errors.ts';
import { systemClock } from '../../../../src/host/clock.ts';
import { silent } from '../../../../src/host/progress.ts';

let scratch: string;

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'making-'));
});

afterEach(() => {
  rmSync(scratch, { recursive: true });
});

/** A sandbox in which each program only leaves a file of its name; `end` says how it ends. */
class FakeSandbox implements Sandbox {
  readonly runs: SandboxRun[] = [];
  end: (program: string) => SandboxEnd = () => ({ exitCode: 0, exceeded: undefined });

  run(run: SandboxRun): Promise<SandboxEnd> {
    this.runs.push(run);
    const [program] = run.argv;
    mkdirSync(run.tree.upper!, { recursive: true });
    writeFileSync(join(run.tree.upper!, program), '');
    run.take(Buffer.from(`said by ${program}\n`), 'stdout');
    return Promise.resolve(this.end(program));
  }

  adoptLayer(): Promise<void> {
    return Promise.resolve();
  }

  removeLayer(directory: string): Promise<void> {
    rmSync(directory, { recursive: true, force: true });
    return Promise.resolve();
  }

  /** The programs that ran since the last call. */
  ran(): readonly string[] {
    return this.runs.splice(0).map(({ argv: [program] }) => program);
  }
}

function step(program: string, more: Partial<MakingStep> = {}): MakingStep {
  return {
    title: `step ${program}`,
    position: { file: 'spec.yml', line: 7, column: 3 },
    argv: [program],
    directory: '/build',
    environment: {},
    network: false,
    binds: [],
    caches: [],
    exports: {},
    ...more,
  };
}

function making(sandbox: Sandbox, steps: readonly MakingStep[], more: Partial<MakingMeans> = {}) {
  let log: BuildLog | undefined;
  const means: MakingMeans = {
    sandbox,
    directory: join(scratch, 'making'),
    limits: { time: 60, memory: 1 << 30, processes: 100, disk: 1 << 30 },
    proxy: { http_proxy: 'http://proxy:3128' },
    clock: systemClock,
    progress: silent,
    log: () => (log ??= beginLog(join(scratch, 'log'), 'a', systemClock)),
    show: undefined,
    anew: false,
    signal: undefined,
    ...more,
  };
  return makeTree({ key: 'f'.repeat(32), layers: ['/root', '/sources'] }, settled(steps, { PATH: '/bin' }), means);
}

const named = (names: string) => names.split('').map((name) => step(name));

/** What no build is at work on. */
function left(): readonly string[] {
  return readdirSync(join(scratch, 'making')).filter((name) => name.startsWith('.#'));
}

async function failureOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isAgentError(error, 'tool-failed')) throw new Error('it did not fail', { cause: error });
  return renderError(error);
}

describe('steps', () => {
  test('each find the layers of those before them, and are not run again', async () => {
    const sandbox = new FakeSandbox();

    const layers = await making(sandbox, named('abc'));

    expect(sandbox.runs.map(({ tree: { lower } }) => lower)).toEqual(
      [0, 1, 2].map((count) => layers.slice(0, 2 + count)),
    );
    expect(sandbox.ran()).toEqual(['a', 'b', 'c']);
    expect(layers.slice(2).map((layer) => readdirSync(layer))).toEqual([['a'], ['b'], ['c']]);
    expect(await making(sandbox, named('abc'))).toEqual(layers);
    expect(sandbox.ran()).toEqual([]);
  });

  test.each([
    ['abX', ['X']],
    ['aXc', ['X', 'c']],
    ['abcd', ['d']],
    ['ab', []],
    ['bac', ['b', 'a', 'c']],
  ])('that were "abc" and are "%s" now are run from the first that is another', async (names, expected) => {
    const sandbox = new FakeSandbox();
    await making(sandbox, named('abc'));
    sandbox.ran();

    await making(sandbox, named(names));

    expect(sandbox.ran()).toEqual(expected);
  });

  test('are all run where everything is to be made anew, and that counts from then on', async () => {
    const sandbox = new FakeSandbox();
    const first = await making(sandbox, named('ab'));
    writeFileSync(join(first.at(-1)!, 'old'), '');

    const second = await making(sandbox, named('ab'), { anew: true });

    expect(sandbox.ran()).toEqual(['a', 'b', 'a', 'b']);
    expect(readdirSync(second.at(-1)!)).toEqual(['b']);
    expect(await making(sandbox, named('ab'))).toEqual(second);
    expect(sandbox.ran()).toEqual([]);
  });

  test('are told of proxies only where they have the network', async () => {
    const sandbox = new FakeSandbox();

    await making(sandbox, [step('a', { network: true }), step('b')]);

    expect(sandbox.runs.map(({ environment }) => environment)).toEqual([
      { PATH: '/bin', http_proxy: 'http://proxy:3128' },
      { PATH: '/bin' },
    ]);
  });

  test('may be more than layers can lie over each other', async () => {
    const sandbox = new FakeSandbox();
    const many = Array.from({ length: 260 }, (_, index) => step(`s${index}`));

    const layers = await making(sandbox, many);

    expect(sandbox.ran()).toHaveLength(260);
    expect(layers.length).toBeLessThanOrEqual(102);
    await making(sandbox, [...many.slice(0, -1), step('other')]);
    expect(sandbox.ran()).toEqual(['other']);
    await making(sandbox, [...many, step('one more')]);
    expect(sandbox.ran()).toEqual(['one more']);
  });
});

describe('a step that fails', () => {
  test('says where it stands, how it ended, what it said last and where all of it is; those before it are kept', async () => {
    const sandbox = new FakeSandbox();
    sandbox.end = (program) => ({ exitCode: program === 'b' ? 3 : 0, exceeded: undefined });

    const message = await failureOf(making(sandbox, named('abc')));

    const log = newestLog(join(scratch, 'log'), 'a');
    expect(message.split('\n')).toEqual([
      'step b failed with exit code 3',
      'spec.yml:7:3: step b failed with exit code 3',
      '  said by b',
      'Nothing was built.',
      `All of its output is in ${log}.`,
    ]);
    expect(readFileSync(log, 'utf8')).toMatch(
      /\n==> step b \(spec\.yml:7:3\)\nsaid by b\n==> step b failed after [\d.]+ s\n$/,
    );
    expect(left()).toEqual([]);
    sandbox.end = () => ({ exitCode: 0, exceeded: undefined });
    sandbox.ran();
    await making(sandbox, named('abc'));
    expect(sandbox.ran()).toEqual(['b', 'c']);
  });

  test.each([
    ['time', 'was ended after 1 min, the longest that a step may take', 'build.time_limit'],
    ['memory', 'was ended: it wanted more memory than 1 GiB', 'build.memory_limit'],
    ['processes', 'was ended: it wanted more than 100 processes', 'build.process_limit'],
    ['disk', 'was ended: it wrote more than 1 GiB', 'build.disk_limit'],
  ] as const)('for its limit of %s says which setting raises it', async (exceeded, how, setting) => {
    const sandbox = new FakeSandbox();
    sandbox.end = () => ({ exitCode: 137, exceeded });

    const message = await failureOf(making(sandbox, named('a')));

    expect(message).toContain(`step a ${how}`);
    expect(message).toContain(`the limit is ${setting} in agent.yml`);
  });
});

describe('layers of earlier builds', () => {
  test('go where they were not used for weeks', async () => {
    const sandbox = new FakeSandbox();
    const [old, used] = [(await making(sandbox, named('a'))).at(-1)!, (await making(sandbox, named('b'))).at(-1)!];
    const longAgo = new Date(Date.now() - 30 * 86_400_000);
    for (const layer of [old, used]) utimesSync(join(layer, '..'), longAgo, longAgo);

    await making(sandbox, named('b'));
    await making(sandbox, named('c'));

    expect(() => statSync(old)).toThrow('ENOENT');
    expect(readdirSync(used)).toEqual(['b']);
    expect(left()).toEqual([]);
  });
});
