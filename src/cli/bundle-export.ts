import type { Agent } from '../agent/agent.ts';
import { openHistory } from '../agent/history.ts';
import { installedIn } from '../agent/installed.ts';
import type { PublishedRecord } from '../agent/published-record.ts';
import type { InstalledExtension } from '../agent/records.ts';
import { recordedImage } from '../agent/stored-image.ts';
import { AgentError, isAgentError } from '../core/errors.ts';
import { isPinned, parseReferenceText, type ImageReference } from '../core/image-reference.ts';
import { sha256OfFile } from '../host/digest.ts';
import { fileStatus } from '../host/files.ts';
import type { Progress } from '../host/progress.ts';
import { startPacking, type Packing } from '../published/bundle/archive.ts';
import type { BundledExtension } from '../published/bundle/contents.ts';
import { recordingOf, type Recording } from '../published/bundle/recording.ts';
import { sentFor, type Offer } from '../published/publisher.ts';
import { mostImageBytes } from '../published/transfer.ts';
import { publishedImages, type FoundImage, type PublishedImages } from './published-images.ts';

/** An extension that was fetched. */
type Fetched = InstalledExtension & { readonly published: PublishedRecord };

/**
 * Writes installed extensions with all that proves them into one file, for a host that reaches none of their publishers. These
 * are asked for the proof again, and it is held against the trust of this host.
 * @throws AgentError `no-such-extension` for a name that is not installed, `unsatisfiable` for one that was not fetched, or
 * that its publisher has no more; `verification-failed`, `network`, `disk-full`, `interrupted`
 */
export async function exportBundle(
  agent: Agent,
  names: readonly string[],
  file: string,
  progress: Progress,
): Promise<readonly BundledExtension[]> {
  const chosen = await fetchedOf(agent, [...new Set(names)]);
  const images = await publishedImages(agent, progress);
  using packing = startPacking(file, agent.exec);
  const extensions: BundledExtension[] = [];
  for (const extension of chosen) extensions.push(await pack(agent, extension, { images, packing, progress }));
  progress.step(`writing ${file}`);
  await packing.finish(extensions);
  return extensions;
}

async function fetchedOf(agent: Agent, names: readonly string[]): Promise<readonly Fetched[]> {
  using history = openHistory(agent.paths.history, { writable: false });
  const installed = new Map((await installedIn(agent, history)).map((one) => [one.name, one]));
  return names.map((name) => {
    const extension = installed.get(name);
    if (extension === undefined)
      throw new AgentError('no-such-extension', `no extension ${name} is installed`, { left });
    const { published, source } = extension;
    if (published !== undefined) return { ...extension, published };
    throw new AgentError('unsatisfiable', `${name} was not fetched: there is nobody who vouches for it elsewhere`, {
      facts: [`it came from ${source}`],
      left,
      next: 'Publish it with `sysext-agent push`, or copy the image and install it there as a file.',
    });
  });
}

const left = 'There is no bundle.';

interface Work {
  readonly images: PublishedImages;
  readonly packing: Packing;
  readonly progress: Progress;
}

async function pack(agent: Agent, extension: Fetched, { images, packing, progress }: Work): Promise<BundledExtension> {
  const { name, published, version } = extension;
  const { signal } = agent;
  progress.step(`asking ${published.place} what proves ${name} ${version}`);
  const reference = referenceOf(extension);
  const recording = recordingOf(images.source(reference));
  const found = await findAgain(extension, { images, reference, recording }, signal);
  const { offer, publisher } = found;
  await publisher.vouch(offer, signal);
  await recording.readProof(offer, signal);
  const stored = recordedImage(agent.paths.store, extension);
  if (isIntact(stored, offer.blob.sha256)) packing.link(offer.blob.sha256, stored.path);
  else {
    progress.step(`fetching ${offer.reference}`);
    const how = { progress, ...(signal === undefined ? {} : { signal }) };
    for (const { sha256, size } of sentFor(offer.blob)) {
      const wanted = { path: packing.pathOf(sha256), sha256, maxSize: mostImageBytes };
      await publisher.fetch(offer, { ...wanted, ...(size === undefined ? {} : { size }) }, how);
    }
  }
  const documents = Array.from(recording.documents, ([key, bytes]) => [key, packing.add(bytes)] as const);
  return bundled(extension, offer, new Map(documents));
}

function referenceOf({ name, published }: Fetched): ImageReference {
  const parsed = parseReferenceText(published.from);
  if ('value' in parsed) return parsed.value;
  throw new AgentError('internal', `where ${name} is from cannot be read: ${parsed.problem}`, { left });
}

interface Search {
  readonly images: PublishedImages;
  readonly reference: ImageReference;
  readonly recording: Recording;
}

/** The very image that is installed, which a tag or a list may not name any more. */
async function findAgain(
  extension: Fetched,
  { images, reference, recording }: Search,
  signal: AbortSignal | undefined,
): Promise<FoundImage> {
  const { name, version, published } = extension;
  const only = isPinned(reference) ? {} : { only: (other: { version: string }) => other.version === version };
  try {
    const found = await images.find({ name, reference, source: recording.source, ...only }, signal);
    if (found.offer.blob.sha256 === published.blob) return found;
    throw gone(extension, `what it has now is version ${found.offer.version.version}, another image`);
  } catch (error) {
    if (!isAgentError(error, 'unsatisfiable', 'no-such-file') || error.details.left === left) throw error;
    throw gone(extension, error.message);
  }
}

function gone({ name, version, published }: Fetched, why: string): AgentError {
  return new AgentError('unsatisfiable', `${published.place} has no more what is installed as ${name} ${version}`, {
    facts: [why],
    left,
    next: `\`sysext-agent upgrade ${name}\` installs what it has now.`,
  });
}

/** Whether the store has the blob as it was sent: an image that came packed is another file. */
function isIntact({ kind, path, sha256 }: ReturnType<typeof recordedImage>, blob: string): boolean {
  return kind === 'raw' && sha256 === blob && fileStatus(path) !== undefined && sha256OfFile(path) === blob;
}

function bundled(
  { name, version, published }: Fetched,
  offer: Offer,
  documents: ReadonlyMap<string, string>,
): BundledExtension {
  const { architecture, blob } = offer;
  return {
    name,
    from: published.from,
    ...(published.versions === undefined ? {} : { versions: published.versions }),
    version,
    key: offer.version.key,
    ...(architecture === undefined ? {} : { architecture }),
    blob: blob.sha256,
    documents,
  };
}
