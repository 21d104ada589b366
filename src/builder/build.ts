import { join } from 'node:path';

import type { Finding } from '../core/contents/finding.ts';
import { AgentError } from '../core/errors.ts';
import type { DeclaredCheck } from '../core/health.ts';
import { sameContent } from '../host/content.ts';
import { sha256 as digestOf } from '../host/digest.ts';
import { makeDirectory, removeTree } from '../host/files.ts';
import { removeLeftovers } from '../host/leftovers.ts';
import { makeOwnedDirectory } from '../host/owned.ts';
import { writeTree } from '../host/tree-writer.ts';
import { cachedImage, cacheKey, keepImage, type CachedImage } from './built-cache.ts';
import { makeImage } from './image/image.ts';
import { treeUuid } from './image/uuid.ts';
import { checkLibraries, formatRecord, parseRecord, recordLibraries, type LibraryRecord } from './libraries.ts';
import { removeLeftBehind } from './left-behind.ts';
import { foretoldSteps } from './making/foretold.ts';
import { sandboxFor } from './making-parts.ts';
import { manifestFile, manifestText } from './manifest.ts';
import type { PackageSource, SelectedPackage } from './packages/packages.ts';
import { placeOrder, type Order } from './order.ts';
import { ownPart, type OwnPart } from './own-part.ts';
import { packageSourceFor } from './packages/source.ts';
import type { Provenance } from './provenance.ts';
import type { BuildHost, BuildRequest } from './request.ts';
import { sysextPackages } from './spec/sysext-packages.ts';
import { testBuilt } from './testing.ts';
import { withSpecRepositories } from './targets/spec-repositories.ts';
import { assemble, type PackageContents } from './tree/assemble.ts';

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
  /** The rules that its spec allows what they find in it. */
  readonly allow: readonly string[];
  /** What its spec says of the health of the extension. */
  readonly health: readonly DeclaredCheck[];
  /** Whether an image of the same inputs was there already. */
  readonly reused: boolean;
  /** What was found about its contents on this host. */
  readonly findings: readonly Finding[];
  /** What --add-missing added to the packages of the spec. */
  readonly added: readonly AddedPackage[];
  /** How it came to be; the version of this program is for its caller to say. */
  readonly provenance: Omit<Provenance, 'builderVersion'>;
}

/** A package that the spec does not list, and what it was taken for. */
export interface AddedPackage {
  readonly name: string;
  readonly library: string;
}

/** What a build would make, and of what. */
export interface BuildPlan {
  readonly order: Order;
  readonly source: PackageSource;
  readonly packages: readonly SelectedPackage[];
  /** What is run for it, as far as it was not run before. */
  readonly steps: readonly string[];
}

/**
 * Reads a spec and chooses its packages from the target's repositories; nothing but indexes is fetched.
 * @throws AgentError `invalid-spec`, `usage`, and those of choosing packages.
 */
export async function planBuild(
  host: BuildHost,
  request: BuildRequest,
  added: readonly AddedPackage[] = [],
): Promise<BuildPlan> {
  const order = placeOrder(host, request);
  const { contexts, signal } = request;
  const { cacheDirectory } = host;
  const target = withSpecRepositories(order.target, order.spec, 'install', { contexts, cacheDirectory });
  const source = packageSourceFor(target, host, request);
  const wanted = sysextPackages(order.spec, order.target.name, host.architecture);
  const more = added.map(({ name }) => ({ name, constraints: [] }));
  const requests = [...wanted, ...more];
  const packages = requests.length === 0 ? [] : await source.select(requests, signal);
  const owner = { spec: request.specPath, target: order.target.name, architecture: host.architecture };
  return { order, source, packages, steps: order.isMade ? foretoldSteps(order.spec, owner) : [] };
}

/** A plan with the spec's own part. */
interface WholePlan extends BuildPlan {
  readonly own: OwnPart | undefined;
}

/**
 * Builds the image of a spec: its packages from the target's repositories, and what is made of its own sources, laid out
 * as Dalec's sysext target does. Same packages and same tools give the same bytes; an image of the same inputs is not
 * built again.
 * @throws AgentError `invalid-spec`, `usage`, and those of packages, contents, tools, and steps that fail.
 */
export async function build(host: BuildHost, request: BuildRequest): Promise<BuiltImage> {
  await using open = new AsyncDisposableStack();
  await removeLeftBehind(host.cacheDirectory, host.clock.now(), sandboxFor(host));
  const first = await planBuild(host, request);
  const own = await ownPart(host, request, first, open);
  if (first.packages.length === 0 && own === undefined) throw nothingToBuild(first.order, request.specPath);
  const added = request.addMissing === true ? await missingPackages(host, request, { ...first, own }) : [];
  const plan = added.length === 0 ? { ...first, own } : { ...(await planBuild(host, request, added)), own };
  const { order, packages, source } = plan;
  const { settings, fileName, version } = order;
  const key = cacheKey({ settings, fileName, version, packages, own: own?.digest, format: request.format });
  const kept = request.anew === true ? undefined : keptImage(host, key);
  const { image, record } = kept ?? (await buildAnew(host, request, plan, key));
  const { sha256 } = image;
  const tree = async () => (await assembled(plan, request)).tree;
  const tested = await testBuilt(host, request, { order, own, sha256, tree }, open);
  const check = await checkLibraries(record, host.libraries(), source, packages, request.signal);
  for (const { message, remedy } of check.findings) host.progress.warn(`${message}. ${remedy}`);
  return {
    ...image,
    findings: check.findings,
    added,
    allow: order.spec.allow.map(({ value }) => value),
    health: order.spec.health,
    fileName,
    name: order.spec.name,
    version,
    target: order.target.name,
    packages,
    reused: kept !== undefined,
    provenance: provenanceOf(plan, request, { sha256, tested }),
  };
}

/** What came of a build. */
interface Outcome {
  readonly sha256: string;
  /** Where its tests passed. */
  readonly tested: Provenance['tested'];
}

function provenanceOf(
  { order, packages, own }: WholePlan,
  request: BuildRequest,
  { sha256, tested }: Outcome,
): BuiltImage['provenance'] {
  const { spec, text, version, target, fileName, settings } = order;
  return {
    image: { name: fileName, sha256 },
    spec: { name: spec.name, version, sha256: digestOf(text) },
    target: target.name,
    architecture: settings.architecture,
    buildArguments: request.buildArguments,
    format: request.format,
    tested,
    packages,
    materials: own?.making?.materials ?? [],
    ownPackage: own?.making === undefined ? own?.digest : undefined,
    buildRoot: own?.making?.root.digest,
    sourceDateEpoch: settings.sourceDateEpoch,
  };
}

/** Libraries need libraries: as many rounds as any chain of them is long. */
const mostRounds = 16;

/** The packages to add until nothing is missing that the target can bring. */
async function missingPackages(
  host: BuildHost,
  request: BuildRequest,
  first: WholePlan,
): Promise<readonly AddedPackage[]> {
  const added: AddedPackage[] = [];
  for (let round = 0; round < mostRounds; round++) {
    const plan = round === 0 ? first : { ...(await planBuild(host, request, added)), own: first.own };
    const { source, packages } = plan;
    const contents = await contentsOf(plan, request);
    const record = recordLibraries(assemble(contents, plan.order.settings, sameContent).tree, contents);
    const check = await checkLibraries(record, host.libraries(), source, packages, request.signal);
    const names = new Set([...packages, ...added].map(({ name }) => name));
    const fresh = check.missing.flatMap(({ library }) => {
      const name = check.providers.get(library)?.find((provider) => !names.has(provider));
      return name === undefined ? [] : [{ name, library }];
    });
    if (fresh.length === 0) break;
    for (const { name, library } of fresh) host.progress.step(`added ${name} for ${library}`);
    added.push(...fresh);
  }
  return added;
}

/** What goes into the image: the packages, and the files of the spec itself. */
async function contentsOf(
  { order, source, packages, own }: WholePlan,
  { signal }: BuildRequest,
): Promise<PackageContents[]> {
  const local = await source.fetch(packages, signal);
  const contents = await Promise.all(
    local.map(async (pkg) => ({ name: pkg.name, entries: await source.entries(pkg, signal) })),
  );
  if (own === undefined) return contents;
  const { entries } = await own.files();
  return [...contents, { name: order.spec.name, entries, own: true }];
}

interface Image {
  readonly image: Omit<CachedImage, 'record'>;
  readonly record: LibraryRecord;
}

function keptImage(host: BuildHost, key: string): Image | undefined {
  const kept = cachedImage(host.cacheDirectory, key);
  const record = kept === undefined ? undefined : parseRecord(kept.record);
  if (kept === undefined || record === undefined) return undefined;
  return { image: keptFiles(kept), record };
}

function keptFiles({ path, sha256, manifest }: CachedImage): Image['image'] {
  return { path, sha256, manifest };
}

async function buildAnew(host: BuildHost, request: BuildRequest, plan: WholePlan, key: string): Promise<Image> {
  const { cacheDirectory, clock } = host;
  for (const name of ['built', 'unpacked']) removeLeftovers(join(cacheDirectory, name), clock.now());
  const work = makeOwnedDirectory(join(cacheDirectory, 'work'));
  try {
    const { record, ...made } = await makeInto(work, host, request, plan);
    const kept = keepImage(cacheDirectory, key, { ...made, record: formatRecord(record) });
    return { image: keptFiles(kept), record };
  } finally {
    removeTree(work);
  }
}

interface Made {
  readonly image: string;
  /** The text of its manifest. */
  readonly manifest: string;
  readonly record: LibraryRecord;
}

/** Makes the image below `work`, which the caller removes. */
async function makeInto(work: string, host: BuildHost, request: BuildRequest, plan: WholePlan): Promise<Made> {
  const { order, own } = plan;
  const { progress } = host;
  progress.step(`building ${order.fileName} from ${partsOf(plan).join(', ')}`);
  for (const warning of (await own?.files())?.warnings ?? []) progress.warn(warning);
  const { contents, tree, warnings, manifestAt } = await assembled(plan, request);
  for (const warning of warnings) progress.warn(warning);
  const [directory, output] = [join(work, 'tree'), join(work, order.fileName)];
  makeDirectory(directory);
  writeTree(directory, tree);
  const image = { directory, output, uuid: treeUuid(tree), timestamp: tree.timestamp };
  const made = await makeImage(image, request.format ?? 'erofs', host.exec, request.signal);
  for (const warning of made.warnings) progress.warn(warning);
  return { image: output, manifest: manifestAt(tree.timestamp), record: recordLibraries(tree, contents) };
}

/** The tree of the image, of what, and its list of packages. */
async function assembled(plan: WholePlan, request: BuildRequest) {
  const { order, packages } = plan;
  const contents = await contentsOf(plan, request);
  const listed = { name: order.spec.name, version: order.version, packages };
  const manifestAt = (timestamp: number) => manifestText(listed, timestamp);
  const assembly = assemble(contents, order.settings, sameContent, (timestamp) => [
    manifestFile(listed.name, manifestAt(timestamp), timestamp),
  ]);
  return { ...assembly, contents, manifestAt };
}

function partsOf({ order, packages, own }: WholePlan): readonly string[] {
  const names = packages.map(({ name, version }) => `${name} ${version}`);
  return own === undefined ? names : [...names, ownPartOf(order)];
}

function ownPartOf({ prebuilt, isMade }: Order): string {
  if (prebuilt !== undefined) return `packages of ${prebuilt.directory}`;
  return isMade ? 'what is made of the sources of the spec' : 'files of the spec';
}

function nothingToBuild(order: Order, specPath: string): AgentError {
  return new AgentError('invalid-spec', `${specPath} has no files and no package for the target ${order.target.name}`, {
    left: 'Nothing was built.',
    next: `Name packages in dependencies.sysext, or in targets.${order.target.name}.dependencies.sysext.`,
  });
}
