import { join } from 'node:path';

import { AgentError } from '../core/errors.ts';
import { sameContent } from '../host/content.ts';
import { makeDirectory, makeTemporaryDirectory, removeTree } from '../host/files.ts';
import { removeLeftovers } from '../host/leftovers.ts';
import { writeTree } from '../host/tree-writer.ts';
import { cachedImage, cacheKey, keepImage, type CachedImage } from './built-cache.ts';
import { makeImage } from './image/image.ts';
import { treeUuid } from './image/uuid.ts';
import { manifestFile, manifestText } from './manifest.ts';
import type { PackageSource, SelectedPackage } from './packages/packages.ts';
import { placeOrder, type Order } from './order.ts';
import { packageSourceFor } from './packages/source.ts';
import type { BuildHost, BuildRequest } from './request.ts';
import { sysextPackages } from './spec/sysext-packages.ts';
import { assemble } from './tree/assemble.ts';

export interface BuiltImage {
  /** In the cache: to be copied, not changed. */
  readonly path: string;
  /** The list of its packages in SPDX, which is in the image too; in the cache as well. */
  readonly manifest: string;
  readonly fileName: string;
  readonly name: string;
  /** Version and revision of the spec: `1.7-1`. */
  readonly version: string;
  readonly target: string;
  readonly sha256: string;
  readonly packages: readonly SelectedPackage[];
  /** Whether an image of the same inputs was there already. */
  readonly reused: boolean;
}

/** What a build would make, and of what. */
export interface BuildPlan {
  readonly order: Order;
  readonly source: PackageSource;
  readonly packages: readonly SelectedPackage[];
}

/**
 * Reads a spec and chooses its packages from the target's repositories; nothing but indexes is fetched.
 * @throws AgentError `invalid-spec`, `usage`, and those of choosing packages.
 */
export async function planBuild(host: BuildHost, request: BuildRequest): Promise<BuildPlan> {
  const order = placeOrder(host, request);
  const source = packageSourceFor(order.target, host, request);
  const wanted = sysextPackages(order.spec, order.target.name, host.architecture);
  if (wanted.length === 0) throw nothingToBuild(order, request.specPath);
  return { order, source, packages: await source.select(wanted, request.signal) };
}

/**
 * Builds the image of a spec: its packages from the target's repositories, laid out as Dalec's sysext target does.
 * Same packages and same tools give the same bytes; an image of the same inputs is not built again.
 * @throws AgentError `invalid-spec`, `usage`, and those of packages, contents and tools.
 */
export async function build(host: BuildHost, request: BuildRequest): Promise<BuiltImage> {
  const plan = await planBuild(host, request);
  const { order, packages } = plan;
  const { settings, fileName, version } = order;
  const key = cacheKey({ settings, fileName, version, packages, format: request.format });
  const kept = cachedImage(host.cacheDirectory, key);
  const image = kept ?? (await buildAnew(host, request, plan, key));
  return {
    ...image,
    fileName,
    name: order.spec.name,
    version,
    target: order.target.name,
    packages,
    reused: kept !== undefined,
  };
}

async function buildAnew(host: BuildHost, request: BuildRequest, plan: BuildPlan, key: string): Promise<CachedImage> {
  const { cacheDirectory, clock } = host;
  for (const name of ['built', 'unpacked', 'work']) removeLeftovers(join(cacheDirectory, name), clock.now());
  const work = makeTemporaryDirectory(join(cacheDirectory, 'work'));
  try {
    const made = await makeInto(work, host, request, plan);
    return keepImage(cacheDirectory, key, made.image, made.manifest);
  } finally {
    removeTree(work);
  }
}

/** Makes the image below `work`, which the caller removes; answers with its path and the text of its manifest. */
async function makeInto(
  work: string,
  host: BuildHost,
  request: BuildRequest,
  plan: BuildPlan,
): Promise<{ readonly image: string; readonly manifest: string }> {
  const { order, source, packages } = plan;
  const { progress } = host;
  progress.step(
    `building ${order.fileName} from ${packages.map(({ name, version }) => `${name} ${version}`).join(', ')}`,
  );
  const local = await source.fetch(packages, request.signal);
  const contents = await Promise.all(
    local.map(async (pkg) => ({ name: pkg.name, entries: await source.entries(pkg, request.signal) })),
  );
  const listed = { name: order.spec.name, version: order.version, packages };
  const manifestAt = (timestamp: number) => manifestText(listed, timestamp);
  const { tree, warnings } = assemble(contents, order.settings, sameContent, (timestamp) => [
    manifestFile(listed.name, manifestAt(timestamp), timestamp),
  ]);
  for (const warning of warnings) progress.warn(warning);
  const [directory, output] = [join(work, 'tree'), join(work, order.fileName)];
  makeDirectory(directory);
  writeTree(directory, tree);
  const image = { directory, output, uuid: treeUuid(tree), timestamp: tree.timestamp };
  const made = await makeImage(image, request.format ?? 'erofs', host.exec, request.signal);
  for (const warning of made.warnings) progress.warn(warning);
  return { image: output, manifest: manifestAt(tree.timestamp) };
}

function nothingToBuild(order: Order, specPath: string): AgentError {
  return new AgentError('invalid-spec', `${specPath} lists no package for the target ${order.target.name}`, {
    left: 'Nothing was built.',
    next: `Name packages in dependencies.sysext, or in targets.${order.target.name}.dependencies.sysext.`,
  });
}
