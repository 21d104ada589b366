import { join } from 'node:path';

import type { BuildHost, BuildRequest } from '../builder/request.ts';
import { removeTree } from '../host/files.ts';
import { makeOwnedDirectory } from '../host/owned-directory.ts';
import { proxyVariables } from '../host/proxy-variables.ts';
import { runTransient, type TransientHost } from '../systemd/transient.ts';
import { saidError } from './said-error.ts';

/** Builds a spec elsewhere, so that building it here finds all in the cache and runs nothing. */
export type BuildBeforehand = (host: BuildHost, request: BuildRequest) => Promise<void>;

/** How long a build may take, in milliseconds; its steps have limits of their own. */
const longest = 12 * 60 * 60_000;

/**
 * For the service, which may make no namespaces: PID 1 runs the program itself as a unit, for specs whose build runs
 * programs in a sandbox.
 * @throws AgentError that the build ended with, and those of runTransient().
 */
export function buildByManager(manager: TransientHost): BuildBeforehand {
  return async (host, request) => {
    const { runsPrograms } = await import('../builder/runs-programs.ts');
    if (!runsPrograms(host, request)) return;
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
        },
        request.signal,
      );
      if (exitCode !== 0) throw saidError(said, exitCode, `the build of ${request.specPath}`);
    } finally {
      removeTree(output);
    }
  };
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
