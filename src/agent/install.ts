import type { Judgement } from '../core/contents/allow.ts';
import { AgentError } from '../core/errors.ts';
import { withHealth } from '../core/health.ts';
import { fileStatus } from '../host/files.ts';
import { readHostRelease } from '../systemd/host-release.ts';
import type { StoredImage } from './stored-image.ts';
import type { Agent } from './agent.ts';
import { allowedRecord } from './allowed.ts';
import { admit, readCandidate, type Candidate, type ImageRequest } from './candidate.ts';
import { changeSet, type ChangeOptions, type ChangeReport } from './change.ts';
import { groundsFor, judgeContents, type Grounds } from './contents.ts';
import type { ExtensionChange, InstalledExtension } from './history.ts';
import { addToStore, digestOf } from './store.ts';

/**
 * Installs images as extensions and merges them: all of them or, where anything fails or the host is not well with them,
 * none.
 * @param options.retry whether to try again what the host was not well with.
 * @throws AgentError `incompatible`, `content-refused`, `conflict`, `held`, `rolled-back`, `merge-failed`, `busy`, and those of reading
 * an image.
 */
export async function install(
  agent: Agent,
  requests: readonly ImageRequest[],
  options: ChangeOptions & { readonly retry?: boolean } = {},
): Promise<ChangeReport> {
  const { candidates, grounds } = await admissible(agent, requests);
  const coming = candidates.map((one) => ({ ...one, image: digestOfSource(one.candidate) }));
  const now = agent.clock.now();
  const report = await changeSet(
    agent,
    {
      verb: 'install',
      desired: (installed) => {
        const extensions = byName(installed);
        for (const one of coming) extensions.set(one.candidate.name, recordOf(one, now));
        return {
          extensions: [...extensions.values()],
          named: coming.map(({ candidate: { name } }) => name),
          sources: new Map(coming.map(({ candidate, image }) => [image.sha256, candidate.request.path])),
          listed: new Map(coming.map(({ candidate, image }) => [image.sha256, candidate.entries])),
          confirm: true,
          retry: options.retry === true,
          merge: { verb: 'refresh', options: {} },
        };
      },
      stage: ({ extension }) => stage(agent, candidates, grounds, extension),
      changes: (installed) => {
        const before = byName(installed);
        return coming.map((one) => changeOf(one, before.get(one.candidate.name)));
      },
    },
    options,
  );
  return { ...report, warnings: [...candidates.flatMap(toldOf), ...report.warnings] };
}

/** What the image will be in the store, unless it changes until then. */
function digestOfSource({ request }: Candidate): Omit<StoredImage, 'path'> {
  return { ...digestOf(request.path), kind: fileStatus(request.path)?.isDirectory() === true ? 'directory' : 'raw' };
}

/** A candidate that may be installed here, with what was found in it. */
interface Admitted {
  readonly candidate: Candidate;
  readonly judgement: Judgement;
}

/** The same with the digest of its image. */
interface Coming extends Admitted {
  readonly image: Omit<StoredImage, 'path'>;
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

function toldOf({ candidate, judgement }: Admitted): string[] {
  return judgement.told.map(({ message }) => `${candidate.name}: ${message}`);
}

async function stage(
  agent: Agent,
  candidates: readonly Admitted[],
  grounds: Grounds,
  { name }: InstalledExtension,
): Promise<StoredImage> {
  const candidate = candidates.find((one) => one.candidate.name === name)?.candidate;
  if (candidate === undefined) throw new AgentError('internal', `nobody asked for the image of ${name}`);
  const image = await addToStore(agent.paths.store, candidate.request.path, agent.exec);
  await judgeStored(agent, candidate, image, grounds);
  return image;
}

/** What was judged is what the source held then: it could have changed before it was copied. */
async function judgeStored(
  agent: Agent,
  { request, name, version }: Candidate,
  image: StoredImage,
  grounds: Grounds,
): Promise<void> {
  const tool = await agent.tool.features();
  const copy = await readCandidate({ ...request, name, version, path: image.path }, tool.version, agent.exec);
  const judgement = await judgeContents({ ...copy, request }, grounds);
  admit({ ...copy, request }, readHostRelease(agent.root, tool.version), judgement);
}

function changeOf({ candidate, judgement, image }: Coming, previous: InstalledExtension | undefined): ExtensionChange {
  const { name, version, request } = candidate;
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

function recordOf({ candidate, judgement, image }: Coming, now: Date): InstalledExtension {
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
  };
}
