import { judgeFindings, type Judgement } from '../core/contents/allow.ts';
import {
  filePaths,
  noSurroundings,
  type ImageContents,
  type OtherExtension,
  type Surroundings,
} from '../core/contents/contents.ts';
import type { Finding } from '../core/contents/finding.ts';
import { linkFindings } from '../core/contents/linking.ts';
import { contentsFindings } from '../core/contents/rules.ts';
import { shadowedPaths } from '../core/contents/tell.ts';
import { isAgentError } from '../core/errors.ts';
import type { ImageEntry } from '../core/image-entry.ts';
import { hostLibraries } from '../systemd/host-libraries.ts';
import { hostView, mergedPaths } from '../systemd/host-view.ts';
import { packageOwners, type PackageOwners } from '../systemd/host-packages.ts';
import { listWithoutAttributes } from '../systemd/image.ts';
import { readLinked, withImages } from '../systemd/linked.ts';
import { mergedNames, readMerged } from '../systemd/merged.ts';
import type { JudgedImage } from '../systemd/verdicts.ts';
import type { Agent } from './agent.ts';
import { stemOf, type Candidate } from './candidate.ts';
import { survey } from './merging.ts';
import { allowedBy, readSettings } from './settings.ts';
import type { Settings } from './settings-file.ts';

/** What the contents of candidates are judged by: this host, its extensions, and what is allowed here. */
export interface Grounds {
  readonly settings: Settings;
  readonly hostEntry: Surroundings['hostEntry'];
  readonly ownersOf: PackageOwners;
  /** The extensions that would be merged along with them, themselves included. */
  readonly extensions: readonly OtherExtension[];
  /** Finds what programs of a candidate miss on this host; nothing is known of another one. */
  readonly linkFindings: (candidate: Candidate) => Promise<readonly Finding[]>;
}

/**
 * Looks at the host and its extensions on behalf of candidates.
 * @throws AgentError `invalid-config`.
 */
export async function groundsFor(agent: Agent, candidates: readonly Candidate[]): Promise<Grounds> {
  const settings = await readSettings(agent.root);
  const merged = mergedNames(readMerged(agent.root));
  const images = await entriesOfAll(agent, merged);
  const isMerged = ({ name }: ListedImage) => merged.includes(name);
  const replaced = new Set(candidates.map(({ name }) => name));
  const staying = images.filter(({ name, merges }) => merges && !replaced.has(name));
  return {
    settings,
    hostEntry: hostView(agent.root, mergedPaths(images.filter(isMerged).map(({ entries }) => entries))),
    ownersOf: packageOwners(agent.root, agent.exec),
    extensions: [...staying, ...candidates].map(({ name, entries }) => ({ name, paths: new Set(filePaths(entries)) })),
    linkFindings: linkFinder(
      agent,
      candidates,
      images.filter((image) => isMerged(image) && replaced.has(image.name)),
    ),
  };
}

/** Grounds for an image that is looked at for another host: nothing of this one counts. */
export async function groundsElsewhere(agent: Agent): Promise<Grounds> {
  return {
    settings: await readSettings(agent.root),
    hostEntry: noSurroundings.hostEntry,
    ownersOf: () => Promise.resolve(noSurroundings.owners),
    extensions: [],
    linkFindings: () => Promise.resolve([]),
  };
}

/**
 * Judges what the programs of candidates need by this host as it is merged now, by the candidates themselves, and without
 * what these replace.
 */
function linkFinder(
  agent: Agent,
  candidates: readonly Candidate[],
  replaced: readonly ListedImage[],
): Grounds['linkFindings'] {
  const gone = mergedPaths(replaced.map(({ entries }) => entries));
  const host = hostLibraries(agent.root, { ignored: (path) => gone.has(path.slice(1)) });
  if (host === undefined) return () => Promise.resolve([]);
  const linkedOf = async ({ path, entries }: Candidate) => readLinked(path, entries, agent.exec);
  return async (candidate) => {
    const others = await Promise.all(candidates.filter(({ name }) => name !== candidate.name).map(linkedOf));
    return linkFindings(await linkedOf(candidate), withImages(host, others));
  };
}

interface ListedImage {
  readonly name: string;
  readonly merges: boolean;
  readonly entries: readonly ImageEntry[];
}

/** What is in every image that is merged now or would be. */
async function entriesOfAll(agent: Agent, merged: readonly string[]): Promise<ListedImage[]> {
  const { images } = await survey(agent);
  const readable = images.filter(
    ({ image, verdict }) =>
      verdict.outcome === 'merges' || (verdict.outcome !== 'unknown' && merged.includes(image.name)),
  );
  return Promise.all(
    readable.map(async ({ image, verdict }) => ({
      name: image.name,
      merges: verdict.outcome === 'merges',
      entries: await entriesOf(agent, image),
    })),
  );
}

/** An image that cannot be listed here brings nothing that we know of. */
export async function entriesOf(agent: Agent, image: JudgedImage['image']): Promise<readonly ImageEntry[]> {
  try {
    return await listWithoutAttributes(image.realPath, agent.exec);
  } catch (error) {
    if (isAgentError(error)) return [];
    throw error;
  }
}

/** Everything that the rules find in a candidate: the one place where findings of all kinds come together. */
export async function findingsOf(candidate: Candidate, grounds: Grounds): Promise<readonly Finding[]> {
  const { name, entries, request } = candidate;
  const contents = { name, entries, releaseNames: [name, stemOf(request), ...releaseNames(candidate)] };
  const found = contentsFindings(contents, await surroundingsOf(contents, grounds));
  return [...found, ...(await grounds.linkFindings(candidate))];
}

/** The databases of packages are asked only where the image shadows something. */
async function surroundingsOf(contents: ImageContents, grounds: Grounds): Promise<Surroundings> {
  const { hostEntry, extensions, ownersOf } = grounds;
  const shadowed = shadowedPaths(contents, { hostEntry });
  const owners = shadowed.length === 0 ? noSurroundings.owners : await ownersOf(shadowed);
  return { hostEntry, owners, others: extensions.filter(({ name }) => name !== contents.name) };
}

/** The name that the release file speaks of which counts for the candidate. */
function releaseNames({ release }: Candidate): string[] {
  return release === undefined ? [] : [release.file.replace(/^extension-release\./, '')];
}

/** What is to be done about what the rules find in a candidate. */
export async function judgeContents(candidate: Candidate, grounds: Grounds): Promise<Judgement> {
  const allowances = [...(candidate.request.allow ?? []), ...allowedBy(grounds.settings, candidate.name)];
  return judgeFindings(await findingsOf(candidate, grounds), allowances);
}
