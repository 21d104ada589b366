import { basename, join } from 'node:path';

import type { Architecture } from '../core/architecture.ts';
import { AgentError } from '../core/errors.ts';
import type { ReleaseFields } from '../core/os-release.ts';
import type { Clock } from '../host/clock.ts';
import { sameContent } from '../host/content.ts';
import type { PipingExec } from '../host/exec.ts';
import { makeDirectory, makeTemporaryDirectory, readText, removeTree } from '../host/files.ts';
import type { Http } from '../host/http.ts';
import type { Progress } from '../host/progress.ts';
import { writeTree } from '../host/tree-writer.ts';
import { cachedImage, cacheKey, keepImage, type CachedImage } from './built-cache.ts';
import type { ImageFormat } from './image/command.ts';
import { makeImage } from './image/image.ts';
import { treeUuid } from './image/uuid.ts';
import type { PackageSource, SelectedPackage } from './packages/packages.ts';
import { packageSourceFor } from './packages/source.ts';
import { parseSpec } from './spec/parse.ts';
import type { Spec } from './spec/spec.ts';
import { sysextPackages } from './spec/sysext-packages.ts';
import { sysextSettings } from './spec/sysext-settings.ts';
import { chooseTarget } from './targets/choose.ts';
import type { Target } from './targets/target.ts';
import { assemble } from './tree/assemble.ts';
import { imageFileName, type ImageSettings } from './tree/settings.ts';

/** What a build works with. */
export interface BuildHost {
  readonly exec: PipingExec;
  readonly http: Http;
  readonly clock: Clock;
  readonly progress: Progress;
  /** Indexes, packages and built images; safe to delete. */
  readonly cacheDirectory: string;
  /** The directories with target files, highest precedence first. */
  readonly targetDirectories: readonly string[];
  /** The directory that stands for `/`: its os-release and apt configuration count. */
  readonly root: string;
  readonly osRelease: ReleaseFields;
  readonly architecture: Architecture;
}

export interface BuildRequest {
  readonly specPath: string;
  /** Name of the target; left out, the one that is this host's. */
  readonly target?: string;
  readonly buildArguments: Readonly<Record<string, string>>;
  /** Left out: erofs, or squashfs where mkfs.erofs is missing. */
  readonly format?: ImageFormat;
  /** Ask the repositories for new indexes whatever the age of those in the cache. */
  readonly refresh?: boolean;
  /** Use only what is in the cache. */
  readonly offline?: boolean;
  readonly signal?: AbortSignal;
}

export interface BuiltImage {
  /** In the cache: to be copied, not changed. */
  readonly path: string;
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

/** Everything that decides what an image is, before its packages are chosen. */
interface Order {
  readonly spec: Spec;
  readonly target: Target;
  readonly settings: ImageSettings;
  readonly fileName: string;
}

/**
 * Builds the image of a spec: its packages from the target's repositories, laid out as Dalec's sysext target does.
 * Same packages and same tools give the same bytes; an image of the same inputs is not built again.
 * @throws AgentError `invalid-spec`, `usage`, and those of packages, contents and tools.
 */
export async function build(host: BuildHost, request: BuildRequest): Promise<BuiltImage> {
  const order = placeOrder(host, request);
  const source = packageSourceFor(order.target, host, request);
  const packages = await source.select(
    sysextPackages(order.spec, order.target.name, host.architecture),
    request.signal,
  );
  const key = cacheKey({ settings: order.settings, fileName: order.fileName, packages, format: request.format });
  const kept = cachedImage(host.cacheDirectory, key);
  const image = kept ?? (await buildAnew(host, request, order, source, packages, key));
  return {
    ...image,
    fileName: order.fileName,
    name: order.spec.name,
    version: `${order.spec.version}-${order.spec.revision === '' ? '1' : order.spec.revision}`,
    target: order.target.name,
    packages,
    reused: kept !== undefined,
  };
}

function placeOrder(host: BuildHost, request: BuildRequest): Order {
  const spec = parseSpec(readText(request.specPath), request.specPath);
  const target = chooseTarget(host, request.target);
  const { imageName, ...release } = sysextSettings(spec.name, target.sysextDefaults, request.buildArguments);
  const { architecture } = host;
  const { name, version, revision } = spec;
  const named = { name, version, revision, target: target.name, architecture };
  const fileName = imageFileName(imageName === undefined ? named : { ...named, imageName });
  const sourceDateEpoch = epochOf(request.buildArguments['SOURCE_DATE_EPOCH']);
  const settings = {
    name,
    imageName: basename(fileName, '.raw'),
    architecture,
    ...release,
    ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }),
  };
  return { spec, target, settings, fileName };
}

/** SOURCE_DATE_EPOCH in seconds since 1970 (reproducible-builds.org). */
function epochOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new AgentError('usage', `SOURCE_DATE_EPOCH must be a count of seconds since 1970, not ${text}`);
}

async function buildAnew(
  host: BuildHost,
  request: BuildRequest,
  order: Order,
  source: PackageSource,
  packages: readonly SelectedPackage[],
  key: string,
): Promise<CachedImage> {
  if (packages.length === 0) throw nothingToBuild(order, request.specPath);
  const { progress } = host;
  progress.step(
    `building ${order.fileName} from ${packages.map(({ name, version }) => `${name} ${version}`).join(', ')}`,
  );
  const local = await source.fetch(packages, request.signal);
  const contents = await Promise.all(
    local.map(async (pkg) => ({ name: pkg.name, entries: await source.entries(pkg, request.signal) })),
  );
  const { tree, warnings } = assemble(contents, order.settings, sameContent);
  for (const warning of warnings) progress.warn(warning);
  const work = makeTemporaryDirectory(join(host.cacheDirectory, 'work'));
  try {
    const [directory, output] = [join(work, 'tree'), join(work, order.fileName)];
    makeDirectory(directory);
    writeTree(directory, tree);
    const image = { directory, output, uuid: treeUuid(tree), timestamp: tree.timestamp };
    const made = await makeImage(image, request.format ?? 'erofs', host.exec, request.signal);
    for (const warning of made.warnings) progress.warn(warning);
    return keepImage(host.cacheDirectory, key, output);
  } finally {
    removeTree(work);
  }
}

function nothingToBuild(order: Order, specPath: string): AgentError {
  return new AgentError('invalid-spec', `${specPath} lists no package for the target ${order.target.name}`, {
    left: 'Nothing was built.',
    next: `Name packages in dependencies.sysext, or in targets.${order.target.name}.dependencies.sysext.`,
  });
}
