import { sha256 } from '../host/digest.ts';
import { layoutOf } from './artifacts/layout.ts';
import { digestText } from './artifacts/own-files.ts';
import { ownPackage, timeOf, type OwnPackage } from './artifacts/own-package.ts';
import { prebuiltPackage } from './artifacts/prebuilt.ts';
import { prepareMaking, type Making } from './making/making.ts';
import { makingParts } from './making-parts.ts';
import type { Order } from './order.ts';
import type { PackageSource } from './packages/packages.ts';
import type { BuildHost, BuildRequest } from './request.ts';
import { localFiles } from './source/files.ts';
import type { Artifacts } from './spec/artifacts.ts';
import { artifactsFor } from './spec/for-target.ts';

/** The spec's own part of an image. */
export interface OwnPart extends OwnPackage {
  /** How it is made, where it has to be. */
  readonly making?: Making;
}

/**
 * Learns all that the spec's own part is made of; what has to be made is not made yet.
 * @param open gets what is to be disposed of when nothing of the build runs any more.
 * @throws AgentError those of ownPackage(), prebuiltPackage() and prepareMaking().
 */
export async function ownPart(
  host: BuildHost,
  request: BuildRequest,
  { order, source }: { readonly order: Order; readonly source: PackageSource },
  open: AsyncDisposableStack,
): Promise<OwnPart | undefined> {
  const { prebuilt, target, spec } = order;
  if (prebuilt !== undefined) return prebuiltPackage(prebuilt, target, source, host.cacheDirectory, request.signal);
  const artifacts = artifactsFor(spec, target.name);
  if (artifacts === undefined) return undefined;
  return order.isMade
    ? madePart(host, request, { order, artifacts }, open)
    : takenPart(host, request, order, artifacts);
}

function takenPart(host: BuildHost, request: BuildRequest, order: Order, artifacts: Artifacts): OwnPart | undefined {
  const { spec, target, settings } = order;
  const files = ownPackage(spec, artifacts, {
    layout: layoutOf(target),
    epoch: timeOf(spec, settings.sourceDateEpoch),
    filesAt: localFiles(spec.sources, request.contexts, host.cacheDirectory),
    from: 'sources',
  });
  if (files.entries.length === 0) return undefined;
  return { digest: sha256(digestText(files.entries)), files: () => Promise.resolve(files) };
}

async function madePart(
  host: BuildHost,
  request: BuildRequest,
  { order, artifacts }: { readonly order: Order; readonly artifacts: Artifacts },
  open: AsyncDisposableStack,
): Promise<OwnPart> {
  const { spec, target, settings } = order;
  const [layout, epoch] = [layoutOf(target), timeOf(spec, settings.sourceDateEpoch)];
  const { specPath } = request;
  const made = { spec, specPath, target: target.name, architecture: host.architecture, artifacts, layout, epoch };
  const making = await prepareMaking(made, await makingParts(host, request, order, open));
  for (const warning of making.warnings) host.progress.warn(warning);
  const make = async () =>
    ownPackage(spec, artifacts, { layout, epoch, filesAt: await making.artifacts(), from: 'build' });
  // They are asked for more than once, and made once also where nothing kept may be used.
  let files: ReturnType<typeof make> | undefined;
  return { making, digest: making.digest, files: () => (files ??= make()) };
}
