import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import { sha256 } from '../../host/digest.ts';
import { listTree } from '../../host/directory-tree.ts';
import { fileStatus, listNames } from '../../host/files.ts';
import type { LocalPackage, PackageSource } from '../packages/packages.ts';
import type { Contexts } from '../source/context.ts';
import { keeper } from '../source/files.ts';
import type { Target } from '../targets/target.ts';
import type { OwnPackage } from './own-package.ts';

/** A build context with the spec's own package in it, made elsewhere. */
export interface Prebuilt {
  /** The name of the context: `trixie-pkg`, or `pkg`. */
  readonly context: string;
  readonly directory: string;
}

/** The context that takes the place of the spec's own package: the one of the target before the one for all. */
export function prebuiltFor(target: string, contexts: Contexts): Prebuilt | undefined {
  for (const context of [`${target}-pkg`, 'pkg']) {
    const directory = contexts.get(context);
    if (directory !== undefined) return { context, directory };
  }
  return undefined;
}

/**
 * The files of all packages in such a context: of the deb files in it, or of the rpm files below its directory RPMS.
 * @throws AgentError `no-such-file` where there are none, and those of PackageSource.entries().
 */
export async function prebuiltPackage(
  prebuilt: Prebuilt,
  target: Target,
  source: PackageSource,
  cacheDirectory: string,
  signal?: AbortSignal,
): Promise<OwnPackage> {
  const keep = keeper(join(cacheDirectory, 'packages'));
  const packages = packageFiles(prebuilt, target).map((path) => localPackage(path, prebuilt, keep(path)));
  const entries = (await Promise.all(packages.map((pkg) => source.entries(pkg, signal)))).flat();
  return {
    digest: sha256(JSON.stringify(packages.map((pkg) => pkg.sha256))),
    files: () => Promise.resolve({ entries, warnings: [] }),
  };
}

/**
 * The package files of such a context.
 * @throws AgentError `no-such-file` where there are none.
 */
export function packageFiles({ context, directory }: Prebuilt, { repositories }: Target): readonly string[] {
  const family = repositories[0]?.family ?? 'deb';
  const place = family === 'deb' ? directory : join(directory, 'RPMS');
  const paths = family === 'deb' ? debFiles(place) : rpmFiles(place);
  if (paths.length > 0) return paths;
  throw new AgentError(
    'no-such-file',
    `the build context ${context} has no package: there is no .${family} in ${place}`,
    {
      left: 'Nothing was built.',
      next: `Put the package of the spec there, or leave out --build-context ${context}=DIR.`,
    },
  );
}

function debFiles(directory: string): readonly string[] {
  const paths = listNames(directory).map((name) => join(directory, name));
  return paths.filter((path) => path.endsWith('.deb') && fileStatus(path)?.isFile() === true);
}

/** rpmbuild puts them into a directory for each architecture. Packages of sources install nothing. */
function rpmFiles(directory: string): readonly string[] {
  if (fileStatus(directory)?.isDirectory() !== true) return [];
  return listTree(directory)
    .filter(({ kind, path }) => kind === 'file' && /(?<!\.(no)?src)\.rpm$/.test(path))
    .map(({ path }) => join(directory, path));
}

/** Named by its file, as nothing else vouches for it. */
function localPackage(
  path: string,
  { directory }: Prebuilt,
  kept: ReturnType<ReturnType<typeof keeper>>,
): LocalPackage {
  const name = path.slice(directory.length).replace(/^\/+/, '');
  return { name, version: 'of the build context', architecture: '', url: path, ...kept };
}
