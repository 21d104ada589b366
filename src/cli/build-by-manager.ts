import { join } from 'node:path';

import type { BuildHost, BuildRequest } from '../builder/request.ts';
import { AgentError } from '../core/errors.ts';
import { removeTree } from '../host/files.ts';
import { makeOwnedDirectory } from '../host/owned.ts';
import { proxyVariables } from '../host/proxy-variables.ts';
import { runTransient, type TransientHost, type TransientResult } from '../systemd/transient.ts';
import { errorFileVariable, leftError } from './left-error.ts';

/** Builds a spec elsewhere, so that building it here finds all in the cache and runs nothing. */
export type BuildBeforehand = (host: BuildHost, request: BuildRequest) => Promise<void>;

/** How long a build may take, in milliseconds; its steps have limits of their own. */
const longest = 12 * 60 * 60_000;

/** What the program itself takes beside what it lets a step take: with it the step is ended before, which is told better. */
const ours = { memory: 1024 ** 3, tasks: 256 };

/**
 * For the service, which may make no namespaces: PID 1 runs the program itself as a unit, for specs whose build runs
 * programs in a sandbox.
 * @throws AgentError that the build ended with, `tool-failed` where it did not come to tell, and those of runTransient().
 */
export function buildByManager(manager: TransientHost): BuildBeforehand {
  return async (host, request) => {
    const { runsPrograms } = await import('../builder/runs-programs.ts');
    if (!runsPrograms(host, request)) return;
    const { memory, processes } = await host.making.limits();
    const output = makeOwnedDirectory(join(host.cacheDirectory, 'work'));
    const errorFile = join(output, 'error.json');
    try {
      const end = await runTransient(
        manager,
        {
          name: 'build',
          description: `Build of ${request.specPath}, for sysext-agent`,
          argv: commandFor(request, output),
          environment: { ...proxyVariables(process.env), [errorFileVariable]: errorFile },
          timeoutMs: longest,
          limits: { memory: memory + ours.memory, tasks: processes + ours.tasks },
        },
        request.signal,
      );
      if (end.exitCode !== 0) throw errorOf(end, `the build of ${request.specPath}`, leftError(errorFile));
    } finally {
      removeTree(output);
    }
  };
}

/** What a build that failed left, or how it ended where it was killed before it could. */
export function errorOf(
  { exitCode, output }: Pick<TransientResult, 'exitCode' | 'output'>,
  what: string,
  left: AgentError | undefined,
): AgentError {
  // Our caller would take it for itself that was interrupted.
  if (left?.code === 'interrupted') return new AgentError('tool-failed', `${what} was interrupted`, left.details);
  if (left !== undefined) return left;
  const facts = output.trimEnd().split('\n').slice(-12);
  return new AgentError('tool-failed', `${what} ended with exit code ${exitCode}`, { facts });
}

/** This program, with none of the flags by which the service rests on little memory: a build is to be quick. */
function commandFor(request: BuildRequest, output: string): readonly [string, ...string[]] {
  const { specPath, target, buildArguments, contexts, refresh } = request;
  const [, script = ''] = process.argv;
  return [
    process.execPath,
    script,
    'build',
    specPath,
    `--output=${output}`,
    ...(target === undefined ? [] : [`--target=${target}`]),
    ...(refresh === true ? ['--refresh'] : []),
    ...Object.entries(buildArguments).map(([key, value]) => `--build-arg=${key}=${value}`),
    ...[...contexts].map(([name, directory]) =>
      name === 'context' ? `--context=${directory}` : `--build-context=${name}=${directory}`,
    ),
  ];
}
