import { release as kernelRelease } from 'node:os';

import type { Agent } from '../agent/agent.ts';
import type { ImageRequest } from '../agent/candidate.ts';
import { publishedBefore, type PublishedBefore } from '../agent/published.ts';
import { readSettings } from '../agent/settings.ts';
import { parseArchitecture, type Architecture } from '../core/architecture.ts';
import { compatibility, type HostRelease } from '../core/compatibility.ts';
import { AgentError } from '../core/errors.ts';
import { hasDigest, referenceText, type ImageReference } from '../core/image-reference.ts';
import type { VersionRange } from '../core/version-range.ts';
import { createExec } from '../host/exec.ts';
import type { Progress } from '../host/progress.ts';
import { choose, type Choice, type Wanted } from '../published/choice.ts';
import { nameOfReference } from '../published/name.ts';
import type { PublishedVersion, Publisher } from '../published/publisher.ts';
import { publisherIn } from '../published/registry/registry-publisher.ts';
import { openRepository } from '../published/registry/repository.ts';
import type { PublishedSource } from '../published/source.ts';
import { transfer } from '../published/transfer.ts';
import { refuseDowngrade } from '../published/trust/downgrade.ts';
import type { Trust } from '../published/trust/trust.ts';
import { openDirectory, publisherOfFiles } from '../published/web/publisher.ts';
import { readHostRelease } from '../systemd/host-release.ts';
import { hostTrust, registryAccess } from './registries.ts';

/** A published image that someone asks for. */
export interface PublishedWish {
  /** The extension that it is to fill, where that was said. */
  readonly name?: string;
  readonly reference: ImageReference;
  readonly range?: VersionRange;
  /** Whether a version may come that is older than one that came from there before. */
  readonly allowDowngrade?: boolean;
  /** Whether an image may come that was rolled back. */
  readonly retry?: boolean;
  /** Where it is read instead of over the network. */
  readonly source?: PublishedSource;
  /** Which of the versions there may be taken, besides what the range says. */
  readonly only?: (version: PublishedVersion) => boolean;
  /** Whether whoever asks here gave the digest in the reference, which needs no signature then: so it is. */
  readonly pinned?: boolean;
}

/** What a wish comes to, before a byte of the image is fetched. */
export interface FoundImage extends Choice {
  readonly name: string;
  readonly publisher: Publisher;
}

/** Where published images are looked for: what this host is, whom it trusts, and what it fetched before. */
export interface PublishedImages {
  /** Where the images of a reference are read over the network. */
  source(reference: ImageReference): PublishedSource;
  /** The newest version that is wanted and fits, by what its publisher says. */
  find(wish: PublishedWish, signal?: AbortSignal): Promise<FoundImage>;
  /** Finds out who vouches for it, and brings it here. */
  fetch(wish: PublishedWish, found: FoundImage, signal?: AbortSignal): Promise<ImageRequest>;
}

/**
 * Reads the settings, keys and record that published images are looked for by.
 * @param system that they must fit; this host where nothing is said.
 * @throws AgentError `invalid-config`; the methods `usage` for a system of an architecture that is none.
 */
export async function publishedImages(
  agent: Agent,
  progress: Progress,
  system?: HostRelease,
): Promise<PublishedImages> {
  const settings = await readSettings(agent.root);
  const { version } = await agent.tool.features();
  const host = system ?? readHostRelease(agent.root, version);
  const before = publishedBefore(agent);
  const trust = await hostTrust(settings, agent.root);
  const access = await registryAccess(settings);
  const http = { env: process.env, clock: agent.clock };
  const directories = { root: agent.root, http, servers: settings.webServers };
  const source = (reference: ImageReference): PublishedSource =>
    reference.kind === 'oci'
      ? { kind: 'repository', repository: openRepository(access, reference.registry, reference.repository) }
      : { kind: 'directory', directory: openDirectory(reference, directories) };
  return {
    source,
    find: async (wish, signal) => {
      const name = wish.name ?? nameOfReference(wish.reference);
      const publisher = publisherOf(wish.source ?? source(wish.reference), { wish, name, host, trust });
      const chosen = await choose(onlyThose(publisher, wish), wantedBy(wish, host, before), signal);
      return { ...chosen, name: wish.name ?? chosen.offer.name ?? name, publisher };
    },
    fetch: (wish, found, signal) => fetchFound(agent, { wish, found, before, progress }, signal),
  };
}

interface Sought {
  readonly wish: PublishedWish;
  readonly name: string;
  readonly host: HostRelease;
  readonly trust: Trust;
}

function publisherOf(source: PublishedSource, { wish, name, host, trust }: Sought): Publisher {
  const { reference } = wish;
  const architecture = architectureOf(host);
  const asked = { trust, ...(wish.pinned === undefined ? {} : { pinned: wish.pinned }) };
  if (reference.kind === 'oci' && source.kind === 'repository') {
    return publisherIn(source.repository, {
      ...asked,
      reference,
      ...(wish.name === undefined ? {} : { name: wish.name }),
      architecture,
      fits: (release) => compatibility(release, host).fits,
    });
  }
  if (reference.kind === 'oci' || source.kind === 'repository') throw new TypeError('a registry has repositories');
  const patternHost = { release: host.fields, kernel: kernelRelease(), architecture };
  return publisherOfFiles(source.directory, { ...asked, reference, name, host: patternHost });
}

function architectureOf({ architecture }: HostRelease): Architecture {
  const known = parseArchitecture(architecture);
  if (known !== undefined) return known;
  throw new AgentError('usage', `"${architecture}" is no architecture that images can be for`);
}

/**
 * A recording has nothing else that could be chosen: what it calls by another name fails at what proves it, and what was
 * rolled back where it is to be installed.
 */
function wantedBy({ source, name, range, retry }: PublishedWish, host: HostRelease, before: PublishedBefore): Wanted {
  const inRange = range === undefined ? {} : { range };
  if (source !== undefined) return { host, ...inRange };
  return {
    host,
    ...inRange,
    ...(name === undefined ? {} : { name }),
    ...(retry === true ? {} : { denied: before.denied }),
  };
}

function onlyThose(publisher: Publisher, { only }: PublishedWish): Publisher {
  if (only === undefined) return publisher;
  return { ...publisher, versions: async (signal) => (await publisher.versions(signal)).filter(only) };
}

interface Fetching {
  readonly wish: PublishedWish;
  readonly found: FoundImage;
  readonly before: PublishedBefore;
  readonly progress: Progress;
}

async function fetchFound(agent: Agent, fetching: Fetching, signal?: AbortSignal): Promise<ImageRequest> {
  const { wish, found, before, progress } = fetching;
  const { offer, publisher, name } = found;
  const { place } = publisher;
  const { version } = offer.version;
  if (wish.allowDowngrade !== true) {
    const claim = { place, name, version, pinned: wish.pinned !== false && hasDigest(wish.reference) };
    refuseDowngrade(claim, before.highest(place, name, wish.range));
  }
  const voucher = await publisher.vouch(offer, signal);
  progress.step(`fetching ${offer.reference}`);
  const image = await transfer(publisher, offer, voucher, {
    directory: agent.paths.incoming,
    exec: createExec(process.env, signal),
    now: agent.clock.now(),
    known: (blob) => before.images.get(blob),
    imageOf: async (archives, output) => {
      const { imageOfArchives } = await import('../builder/archive-image.ts');
      await imageOfArchives(archives, output, agent.exec, signal);
    },
    progress,
    ...(signal === undefined ? {} : { signal }),
  });
  return {
    ...image,
    source: offer.reference,
    name,
    ...(version === '' ? {} : { version }),
    published: {
      from: referenceText(wish.reference),
      ...(wish.range === undefined ? {} : { versions: wish.range.text }),
      place,
      blob: offer.blob.sha256,
      vouchedBy: voucher.by,
    },
  };
}
