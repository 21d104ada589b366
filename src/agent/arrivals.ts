import type { HostRelease } from '../core/compatibility.ts';
import type { Judgement } from '../core/contents/allow.ts';
import { AgentError, isAgentError } from '../core/errors.ts';
import { withHealth } from '../core/health.ts';
import { fileStatus } from '../host/files.ts';
import { readHostRelease } from '../systemd/host-release.ts';
import type { Agent } from './agent.ts';
import { allowedRecord } from './allowed.ts';
import type { SetChange } from './change.ts';
import { admit, readCandidate, type Candidate, type ImageRequest } from './candidate.ts';
import { groundsFor, judgeContents, type Grounds } from './contents.ts';
import { ownerOf, withOwner } from './owner.ts';
import type { Desired } from './plan.ts';
import { withPublished } from './published-record.ts';
import type { InstalledExtension } from './records.ts';
import { addToStore, digestOf } from './store.ts';
import type { StoredImage } from './stored-image.ts';

/** An image that may be installed here, with what was found in it, and its digest. */
export interface Coming {
  readonly candidate: Candidate;
  readonly judgement: Judgement;
  readonly image: Omit<StoredImage, 'path'>;
  /** What it was judged by, and its copy in the store is. */
  readonly grounds: Grounds;
}

/** What is done about an image that may not come; by default it is thrown. */
export type Turning = (request: ImageRequest, error: AgentError) => void;

/**
 * Reads images and judges whether they may come to this host.
 * @param turnAway is told of each that may not, and the others come without it.
 * @throws AgentError `incompatible`, `content-refused`, `usage`, and those of reading an image.
 */
export async function arrivalsOf(
  agent: Agent,
  requests: readonly ImageRequest[],
  turnAway: Turning = rethrow,
): Promise<readonly Coming[]> {
  const { version } = await agent.tool.features();
  const host = readHostRelease(agent.root, version);
  const read = requests.map((request) => orTurn(turnAway, request, () => readCandidate(request, version, agent.exec)));
  const candidates = (await Promise.all(read)).filter((candidate) => candidate !== undefined);
  refuseTwice(candidates);
  if (candidates.length === 0) return [];
  const grounds = await groundsFor(agent, candidates);
  const coming: Coming[] = [];
  for (const candidate of candidates) {
    const one = await orTurn(turnAway, candidate.request, async () => {
      const judgement = await judgeContents(candidate, grounds);
      admit(candidate, host, judgement);
      return { candidate, judgement, image: digestOfSource(candidate), grounds };
    });
    if (one !== undefined) coming.push(one);
  }
  return coming;
}

function rethrow(_: ImageRequest, error: AgentError): never {
  throw error;
}

async function orTurn<T>(turnAway: Turning, request: ImageRequest, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isAgentError(error) || isAgentError(error, 'interrupted')) throw error;
    turnAway(request, error);
    return undefined;
  }
}

/** What the image will be in the store, unless it changes until then. */
export function digestOfSource({ request }: Candidate): Omit<StoredImage, 'path'> {
  return { ...digestOf(request.path), kind: fileStatus(request.path)?.isDirectory() === true ? 'directory' : 'raw' };
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

/** What a plan must know of the images that come. */
export function imagesOf(coming: readonly Coming[]): Required<Pick<Desired, 'sources' | 'listed'>> {
  return {
    sources: new Map(coming.map(({ candidate, image }) => [image.sha256, candidate.request.path])),
    listed: new Map(coming.map(({ candidate, image }) => [image.sha256, candidate.entries])),
  };
}

/** Puts the image of an extension that comes into the store. */
export function staging(agent: Agent, coming: readonly Coming[]): NonNullable<SetChange['stage']> {
  return async ({ extension: { name } }) => {
    const one = coming.find(({ candidate }) => candidate.name === name);
    if (one === undefined) throw new AgentError('internal', `nobody asked for the image of ${name}`);
    const image = await addToStore(agent.paths.store, one.candidate.request, agent.exec);
    const { version } = await agent.tool.features();
    await judgeStored(agent, one, image, readHostRelease(agent.root, version));
    return image;
  };
}

/**
 * Judges the copy in the store: what was judged is what the source held then, and it could have changed before it was
 * copied.
 * @param host that it is to fit.
 */
export async function judgeStored(
  agent: Agent,
  { candidate: { request, name, version }, grounds }: Coming,
  image: StoredImage,
  host: HostRelease,
): Promise<void> {
  const copy = await readCandidate({ ...request, name, version, path: image.path }, host.systemd, agent.exec);
  const judgement = await judgeContents({ ...copy, request }, grounds);
  admit({ ...copy, request }, host, judgement);
}

/** What the record says of it. */
export function recordOf({ candidate, judgement, image }: Coming, now: Date): InstalledExtension {
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
    ...withHealth(request.health ?? []),
    ...withOwner(ownerOf(request)),
    ...withPublished(request.published),
  };
}

/** What is to be told of what is in the images, although it keeps none from coming. */
export function toldOf({ candidate, judgement }: Coming): string[] {
  return judgement.told.map(({ message }) => `${candidate.name}: ${message}`);
}
