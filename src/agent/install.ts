import { AgentError } from '../core/errors.ts';
import { readHostRelease } from '../systemd/host-release.ts';
import { findImages } from '../systemd/search.ts';
import { activationStep, conflictWith, foreignEntry } from './activation.ts';
import { type StoredImage, recordedImage } from './stored-image.ts';
import type { Agent } from './agent.ts';
import { bootStep } from './boot.ts';
import { admit, readCandidate, type Candidate, type ImageRequest } from './candidate.ts';
import type { ExtensionChange, InstalledExtension } from './history.ts';
import { changeMerged, refreshDescription, type ChangeOptions, type ChangeReport } from './change.ts';
import { installedExtensions } from './installed.ts';
import { operate } from './operation.ts';
import { refuseHiding } from './shape.ts';
import type { Step } from './steps.ts';
import { addToStore } from './store.ts';

/**
 * Installs images as extensions and merges them: all of them or, where anything fails, none.
 * @throws AgentError `incompatible`, `content-refused`, `conflict`, `merge-failed`, `busy`, and those of reading an image.
 */
export async function install(
  agent: Agent,
  requests: readonly ImageRequest[],
  options: ChangeOptions = {},
): Promise<ChangeReport> {
  const candidates = await admissible(agent, requests);
  if (options.dryRun === true) return dryRun(agent, candidates);
  return operate(agent, 'install', async ({ installed }) => {
    const before = byName(installed);
    await refuseForeign(agent, candidates, before);
    const stored = await storeAll(agent, candidates);
    const directories = stored.some(({ image }) => image.kind === 'directory');
    const activations = stored.map(({ candidate, image }) => activation(agent, candidate.name, image, before));
    const { merged, warnings } = await changeMerged(agent, [...activations, bootStep(agent)], {
      directories,
      ...options,
    });
    const extensions = stored.map(({ candidate, image }) => changeOf(candidate, image, before.get(candidate.name)));
    const now = agent.clock.now();
    for (const { candidate, image } of stored) before.set(candidate.name, recordOf(candidate, image, now));
    return { value: { extensions, steps: [], merged, warnings }, extensions, installed: [...before.values()] };
  });
}

async function admissible(agent: Agent, requests: readonly ImageRequest[]): Promise<Candidate[]> {
  const { version } = await agent.tool.features();
  const host = readHostRelease(agent.root, version);
  const candidates = await Promise.all(requests.map((request) => readCandidate(request, version, agent.exec)));
  for (const candidate of candidates) {
    admit(candidate, host);
    refuseHiding(candidate, agent.root);
  }
  const twice = candidates.find(
    (candidate, index) => candidates.findIndex(({ name }) => name === candidate.name) !== index,
  );
  if (twice !== undefined) {
    throw new AgentError('usage', `two of the images are the extension ${twice.name}`, {
      next: 'Install one of them: a name has one image.',
    });
  }
  return candidates;
}

function byName(installed: readonly InstalledExtension[]): Map<string, InstalledExtension> {
  return new Map(installed.map((extension) => [extension.name, extension]));
}

async function dryRun(agent: Agent, candidates: readonly Candidate[]): Promise<ChangeReport> {
  await refuseForeign(agent, candidates, byName(await installedExtensions(agent)));
  const steps = candidates.map(
    ({ name, request }) => `put ${name} from ${request.path} into ${agent.paths.extensions}`,
  );
  return { extensions: [], steps: [...steps, refreshDescription], merged: [], warnings: [] };
}

async function refuseForeign(
  agent: Agent,
  candidates: readonly Candidate[],
  before: ReadonlyMap<string, InstalledExtension>,
): Promise<void> {
  const { version } = await agent.tool.features();
  const images = findImages(agent.root, version);
  for (const { name } of candidates) {
    const foreign = foreignEntry(images, agent.paths.extensions, name, imageOf(agent, before.get(name)));
    if (foreign === undefined) continue;
    throw conflictWith(foreign, name, `Move ${foreign} away, then install ${name} again.`);
  }
}

interface StoredCandidate {
  readonly candidate: Candidate;
  readonly image: StoredImage;
}

async function storeAll(agent: Agent, candidates: readonly Candidate[]): Promise<StoredCandidate[]> {
  const stored: StoredCandidate[] = [];
  for (const candidate of candidates) {
    const image = await addToStore(agent.paths.store, candidate.request.path, agent.exec);
    await judgeStored(agent, candidate, image);
    stored.push({ candidate, image });
  }
  return stored;
}

/** What was judged is what the source held then: it could have changed before it was copied. */
async function judgeStored(agent: Agent, { request, name, version }: Candidate, image: StoredImage): Promise<void> {
  const tool = await agent.tool.features();
  const copy = await readCandidate({ ...request, name, version, path: image.path }, tool.version, agent.exec);
  admit({ ...copy, request }, readHostRelease(agent.root, tool.version));
  refuseHiding({ ...copy, request }, agent.root);
}

function activation(
  agent: Agent,
  name: string,
  image: StoredImage,
  before: ReadonlyMap<string, InstalledExtension>,
): Step {
  return activationStep(agent.paths.extensions, name, image, imageOf(agent, before.get(name)), agent.exec);
}

function imageOf(agent: Agent, extension: InstalledExtension | undefined): StoredImage | undefined {
  return extension === undefined ? undefined : recordedImage(agent.paths.store, extension);
}

function changeOf(
  { name, version, request }: Candidate,
  image: StoredImage,
  previous: InstalledExtension | undefined,
): ExtensionChange {
  const change = previous === undefined ? 'added' : previous.sha256 === image.sha256 ? 'kept' : 'replaced';
  return { name, version, sha256: image.sha256, source: request.source, change };
}

function recordOf({ name, version, request, release }: Candidate, image: StoredImage, now: Date): InstalledExtension {
  const { kind, sha256, size } = image;
  return { name, version, sha256, size, kind, source: request.source, release: release?.text ?? '', installedAt: now };
}
