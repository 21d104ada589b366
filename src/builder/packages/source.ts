import { debianArchitecture } from '../../core/architecture.ts';
import { AgentError } from '../../core/errors.ts';
import type { BuildHost, BuildRequest } from '../request.ts';
import { repositoriesFor, type Target } from '../targets/target.ts';
import { debEntries } from './deb/archive.ts';
import { createDebSource } from './deb/source.ts';
import type { PackageSource } from './packages.ts';

/** The package repositories of a target: the one place that knows which family of packages it has. */
export function packageSourceFor(
  target: Target,
  host: BuildHost,
  request: Pick<BuildRequest, 'refresh' | 'offline'>,
): PackageSource {
  const architecture = debianArchitecture(host.architecture);
  if (architecture === undefined) {
    throw new AgentError('usage', `the target ${target.name} has no packages for ${host.architecture}`);
  }
  const { cacheDirectory, exec } = host;
  return createDebSource({
    repositories: repositoriesFor(target, host.architecture),
    architecture,
    cacheDirectory,
    http: host.http,
    exec,
    clock: host.clock,
    progress: host.progress,
    offline: request.offline === true,
    ...(request.refresh === true ? { maxAge: 0 } : {}),
    entries: (pkg, signal) => debEntries(pkg, { exec, cacheDirectory, ...(signal === undefined ? {} : { signal }) }),
  });
}
