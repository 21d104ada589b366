import type { Judgement } from '../core/contents/allow.ts';
import { AgentError } from '../core/errors.ts';
import { readHostRelease } from '../systemd/host-release.ts';
import { findImages } from '../systemd/search.ts';
import { activationStep, conflictWith, foreignEntry } from './activation.ts';
import { type StoredImage, recordedImage } from './stored-image.ts';
import type { Agent } from './agent.ts';
import { bootStep } from './boot.ts';
import { admit, readCandidate, type Candidate, type ImageRequest } from './candidate.ts';
import { groundsFor, judgeContents, type Grounds } from './contents.ts';
import { allowedRecord } from './allowed.ts';
import type { ExtensionChange, InstalledExtension } from './history.ts';
import { changeMerged, refreshDescription, type ChangeOptions, type ChangeReport } from './change.ts';
import { installedExtensions } from './installed.ts';
import { operate } from './operation.ts';
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
  const { candidates, grounds } = await admissible(agent, requests);
  if (options.dryRun === true) return dryRun(agent, candidates);
  return operate(agent, 'install', async ({ installed }) => {
    const before = byName(installed);
    await refuseForeign(agent, candidates, before);
    const stored = await storeAll(agent, candidates, grounds);
    const directories = stored.some(({ image }) => image.kind === 'directory');
    const activations = stored.map(({ candidate, image }) => activation(agent, candidate.name, image, before));
    const { merged, warnings } = await changeMerged(agent, [...activations, bootStep(agent)], {
      directories,
      ...options,
    });
    const extensions = stored.map((one) => changeOf(one, before.get(one.candidate.name)));
    const now = agent.clock.now();
    for (const one of stored) before.set(one.candidate.name, recordOf(one, now));
    const told = stored.flatMap(toldOf);
    const value = { extensions, steps: [], merged, warnings: [...told, ...warnings] };
    return { value, extensions, installed: [...before.values()] };
  });
}

/** A candidate that may be installed here, with what was found in it. */
interface Admitted {
  readonly candidate: Candidate;
  readonly judgement: Judgement;
}

async function admissible(
  agent: Agent,
  requests: readonly ImageRequest[],
): Promise<{ readonly candidates: readonly Admitted[]; readonly grounds: Grounds }> {
  const { version } = await agent.tool.features();
  const host = readHostRelease(agent.root, version);
  const candidates = await Promise.all(requests.map((request) => readCandidate(request, version, agent.exec)));
  refuseTwice(candidates);
  const grounds = await groundsFor(agent, candidates);
  const admitted: Admitted[] = [];
  for (const candidate of candidates) {
    const judgement = await judgeContents(candidate, grounds);
    admit(candidate, host, judgement);
    admitted.push({ candidate, judgement });
  }
  return { candidates: admitted, grounds };
}

function refuseTwice(candidates: readonly Candidate[]): void {
  const twice = candidates.find(
    (candidate, index) => candidates.findIndex(({ name }) => name === candidate.name) !== index,
  );
  if (twice === undefined) return;
  throw new AgentError('usage', `two of the images are the extension ${twice.name}`, {
    next: 'Install one of them: a name has one image.',
  });
}

function byName(installed: readonly InstalledExtension[]): Map<string, InstalledExtension> {
  return new Map(installed.map((extension) => [extension.name, extension]));
}

async function dryRun(agent: Agent, candidates: readonly Admitted[]): Promise<ChangeReport> {
  await refuseForeign(agent, candidates, byName(await installedExtensions(agent)));
  const steps = candidates.map(
    ({ candidate: { name, request } }) => `put ${name} from ${request.path} into ${agent.paths.extensions}`,
  );
  return {
    extensions: [],
    steps: [...steps, refreshDescription],
    merged: [],
    warnings: candidates.flatMap(toldOf),
  };
}

function toldOf({ candidate, judgement }: Admitted): string[] {
  return judgement.told.map(({ message }) => `${candidate.name}: ${message}`);
}

async function refuseForeign(
  agent: Agent,
  candidates: readonly Admitted[],
  before: ReadonlyMap<string, InstalledExtension>,
): Promise<void> {
  const { version } = await agent.tool.features();
  const images = findImages(agent.root, version);
  for (const {
    candidate: { name },
  } of candidates) {
    const foreign = foreignEntry(images, agent.paths.extensions, name, imageOf(agent, before.get(name)));
    if (foreign === undefined) continue;
    throw conflictWith(foreign, name, `Move ${foreign} away, then install ${name} again.`);
  }
}

interface StoredCandidate extends Admitted {
  readonly image: StoredImage;
}

async function storeAll(agent: Agent, candidates: readonly Admitted[], grounds: Grounds): Promise<StoredCandidate[]> {
  const stored: StoredCandidate[] = [];
  for (const { candidate } of candidates) {
    const image = await addToStore(agent.paths.store, candidate.request.path, agent.exec);
    const judgement = await judgeStored(agent, candidate, image, grounds);
    stored.push({ candidate, judgement, image });
  }
  return stored;
}

/** What was judged is what the source held then: it could have changed before it was copied. */
async function judgeStored(
  agent: Agent,
  { request, name, version }: Candidate,
  image: StoredImage,
  grounds: Grounds,
): Promise<Judgement> {
  const tool = await agent.tool.features();
  const copy = await readCandidate({ ...request, name, version, path: image.path }, tool.version, agent.exec);
  const judgement = await judgeContents({ ...copy, request }, grounds);
  admit({ ...copy, request }, readHostRelease(agent.root, tool.version), judgement);
  return judgement;
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
  { candidate: { name, version, request }, judgement, image }: StoredCandidate,
  previous: InstalledExtension | undefined,
): ExtensionChange {
  const change = previous === undefined ? 'added' : previous.sha256 === image.sha256 ? 'kept' : 'replaced';
  return {
    name,
    version,
    sha256: image.sha256,
    source: request.source,
    change,
    allowed: judgement.allowed.map(allowedRecord),
  };
}

function recordOf({ candidate, judgement, image }: StoredCandidate, now: Date): InstalledExtension {
  const { name, version, request, release } = candidate;
  const { kind, sha256, size } = image;
  return {
    name,
    version,
    sha256,
    size,
    kind,
    source: request.source,
    release: release?.text ?? '',
    installedAt: now,
    allowed: judgement.allowed.map(allowedRecord),
  };
}
