import { AgentError } from '../core/errors.ts';
import { fileStatus } from '../host/files.ts';
import { readHostRelease } from '../systemd/host-release.ts';
import type { StoredImage } from './stored-image.ts';
import type { Agent } from './agent.ts';
import { admit, readCandidate, type Candidate, type ImageRequest } from './candidate.ts';
import { changeSet, type ChangeOptions, type ChangeReport } from './change.ts';
import type { ExtensionChange, InstalledExtension } from './history.ts';
import { refuseHiding } from './shape.ts';
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
  const candidates = await admissible(agent, requests);
  const coming = candidates.map((candidate) => ({ candidate, image: digestOfSource(candidate) }));
  const now = agent.clock.now();
  return changeSet(
    agent,
    {
      verb: 'install',
      desired: (installed) => {
        const extensions = byName(installed);
        for (const { candidate, image } of coming) extensions.set(candidate.name, recordOf(candidate, image, now));
        return {
          extensions: [...extensions.values()],
          named: candidates.map(({ name }) => name),
          sources: new Map(coming.map(({ candidate, image }) => [image.sha256, candidate.request.path])),
          confirm: true,
          retry: options.retry === true,
          merge: { verb: 'refresh', options: {} },
        };
      },
      stage: ({ extension }) => stage(agent, candidates, extension),
      changes: (installed) => {
        const before = byName(installed);
        return coming.map(({ candidate, image }) => changeOf(candidate, image, before.get(candidate.name)));
      },
    },
    options,
  );
}

/** What the image will be in the store, unless it changes until then. */
function digestOfSource({ request }: Candidate): Omit<StoredImage, 'path'> {
  return { ...digestOf(request.path), kind: fileStatus(request.path)?.isDirectory() === true ? 'directory' : 'raw' };
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

async function stage(
  agent: Agent,
  candidates: readonly Candidate[],
  { name }: InstalledExtension,
): Promise<StoredImage> {
  const candidate = candidates.find((one) => one.name === name);
  if (candidate === undefined) throw new AgentError('internal', `nobody asked for the image of ${name}`);
  const image = await addToStore(agent.paths.store, candidate.request.path, agent.exec);
  await judgeStored(agent, candidate, image);
  return image;
}

/** What was judged is what the source held then: it could have changed before it was copied. */
async function judgeStored(agent: Agent, { request, name, version }: Candidate, image: StoredImage): Promise<void> {
  const tool = await agent.tool.features();
  const copy = await readCandidate({ ...request, name, version, path: image.path }, tool.version, agent.exec);
  admit({ ...copy, request }, readHostRelease(agent.root, tool.version));
  refuseHiding({ ...copy, request }, agent.root);
}

function changeOf(
  { name, version, request }: Candidate,
  image: Pick<StoredImage, 'sha256'>,
  previous: InstalledExtension | undefined,
): ExtensionChange {
  const change = previous === undefined ? 'added' : previous.sha256 === image.sha256 ? 'kept' : 'replaced';
  return { name, version, sha256: image.sha256, source: request.source, change };
}

function recordOf(
  { name, version, request, release }: Candidate,
  image: Omit<StoredImage, 'path'>,
  now: Date,
): InstalledExtension {
  const { kind, sha256, size } = image;
  return { name, version, sha256, size, kind, source: request.source, release: release?.text ?? '', installedAt: now };
}
