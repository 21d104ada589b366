import { join } from 'node:path';

import type { BuildHost, BuildRequest } from '../builder/request.ts';
import { AgentError } from '../core/errors.ts';
import { removeTree } from '../host/files.ts';
import { makeOwnedDirectory } from '../host/owned-directory.ts';
import { proxyVariables } from '../host/proxy-variables.ts';
import { runTransient, type TransientHost } from '../systemd/transient.ts';

/** Builds a spec elsewhere, so that building it here finds all in the cache and runs nothing. */
export type BuildBeforehand = (host: BuildHost, request: BuildRequest) => Promise<void>;

/** How long a build may take, in milliseconds; its steps have limits of their own. */
const longest = 12 * 60 * 60_000;

/** What the program itself takes beside what it lets a step take: with it the step is ended before, which is told better. */
const ours = { memory: 1024 ** 3, tasks: 256 };

/**
 * For the service, which may make no namespaces: PID 1 runs the program itself as a unit, for specs whose build runs
 * programs in a sandbox.
 * @throws AgentError `tool-failed` with what the build said, and those of runTransient().
 */
export function buildByManager(manager: TransientHost): BuildBeforehand {
  return async (host, request) => {
    const { runsPrograms } = await import('../builder/runs-programs.ts');
    if (!runsPrograms(host, request)) return;
    const { memory, processes } = await host.making.limits();
    const output = makeOwnedDirectory(join(host.cacheDirectory, 'work'));
    try {
      const { exitCode, output: said } = await runTransient(
        manager,
        {
          name: 'build',
          description: `Build of ${request.specPath}, for sysext-agent`,
          argv: commandFor(request, output),
          environment: proxyVariables(process.env),
          timeoutMs: longest,
          limits: { memory: memory + ours.memory, tasks: processes + ours.tasks },
        },
        request.signal,
      );
      if (exitCode !== 0) throw notBuilt(request.specPath, exitCode, said);
    } finally {
      removeTree(output);
    }
  };
}

/** This program, as it was started. */
function commandFor(request: BuildRequest, output: string): readonly [string, ...string[]] {
  const { specPath, target, buildArguments, contexts, refresh } = request;
  const [, script = ''] = process.argv;
  return [
    process.execPath,
    ...process.execArgv,
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

function notBuilt(specPath: string, exitCode: number, said: string): AgentError {
  return new AgentError('tool-failed', `building ${specPath} failed with exit code ${exitCode}`, {
    facts: said.trimEnd().split('\n').slice(-12),
    left: 'Nothing was changed.',
    next: `sysext-agent build ${specPath} shows all of it.`,
    retryable: true,
  });
}
