import { basename } from 'node:path';

import type { Architecture } from '../../core/architecture.ts';
import { AgentError } from '../../core/errors.ts';
import { isDirectory, type AddressReference, type DirectoryReference } from '../../core/image-reference.ts';
import { usualPatterns, type PatternHost } from '../../core/match-pattern.ts';
import type { WebServers } from '../../core/web-servers.ts';
import type { HttpSettings } from '../../host/http.ts';
import type { Description, Offer, PublishedVersion, Publisher } from '../publisher.ts';
import { vouchForDigest, vouchForListed, type Trust } from '../trust/trust.ts';
import type { Voucher } from '../trust/voucher.ts';
import type { ListedDirectory } from './directory.ts';
import { blobOf, fits, imagesIn, singleImage, type ListedImage } from './files.ts';
import { fetchList, type FetchedList } from './list.ts';
import { localDirectory } from './local-directory.ts';
import { webDirectory } from './web-directory.ts';

export interface WebPublisherOptions {
  readonly reference: AddressReference | DirectoryReference;
  /** The extension that is to be filled. */
  readonly name: string;
  readonly host: PatternHost & { readonly architecture: Architecture };
  readonly trust: Trust;
  /** Whether the one who asks knows the sha256 that the reference gives, rather than to have it from elsewhere: so it is. */
  readonly pinned?: boolean;
}

/** How directories are reached. */
export interface DirectoryAccess {
  /** What stands for `/`, for directories. */
  readonly root: string;
  /** How servers are spoken to in general. */
  readonly http: HttpSettings;
  /** How those are that the settings say something else of. */
  readonly servers: WebServers;
}

/**
 * The directory that a reference is of, on a web server or on this host.
 * @throws AgentError `invalid-config` for plain http where the settings do not allow it.
 */
export function openDirectory(
  { kind, text }: AddressReference | DirectoryReference,
  { root, http, servers }: DirectoryAccess,
): ListedDirectory {
  if (kind === 'directory') return localDirectory(text, root);
  return webDirectory(text, http, servers.get(new URL(text).host));
}

/** The publisher of what lies as files, where they are. @throws as openDirectory(). */
export function createWebPublisher(options: WebPublisherOptions & DirectoryAccess): Publisher {
  return publisherOfFiles(openDirectory(options.reference, options), options);
}

/**
 * The publisher of what lies as files: in a directory with SHA256SUMS, or a single file. What the list says is asked for
 * once.
 */
export function publisherOfFiles(directory: ListedDirectory, options: WebPublisherOptions): Publisher {
  const { reference, pinned = true } = options;
  if (isDirectory(reference)) return listedPublisher(directory, options, patternImages(options));
  const file = decodeURIComponent(basename(new URL(reference.text).pathname));
  return reference.sha256 === undefined || !pinned
    ? listedPublisher(directory, options, (sums) => [imageInList(directory, file, sums.get(file), options.name)])
    : knownFile(directory, singleImage(file, reference.sha256, options.name));
}

type Choice = (sums: ReadonlyMap<string, string>) => readonly ListedImage[];

function patternImages({ reference, name, host }: WebPublisherOptions): Choice {
  const patterns = reference.match ?? usualPatterns(name);
  return (sums) => imagesIn(sums, patterns, host);
}

function imageInList(directory: ListedDirectory, file: string, sha256: string | undefined, name: string): ListedImage {
  if (sha256 !== undefined) return singleImage(file, sha256, name);
  throw new AgentError('no-such-file', `${directory.nameOf(file)} is not in the SHA256SUMS beside it`, {
    next: 'Give its sha256, where that is known from elsewhere.',
  });
}

function listedPublisher(directory: ListedDirectory, options: WebPublisherOptions, choose: Choice): Publisher {
  const { name, trust, host } = options;
  let fetched: Promise<FetchedList> | undefined;
  const found = async (signal?: AbortSignal) => {
    fetched ??= fetchList(directory, name, trust, signal);
    try {
      const { list, sums } = await fetched;
      return { list, images: choose(sums) };
    } catch (error) {
      // Another attempt asks again.
      fetched = undefined;
      throw error;
    }
  };
  const imageOf = async ({ key }: PublishedVersion, signal?: AbortSignal) => {
    const { list, images } = await found(signal);
    const image = images.find(({ file }) => file === key);
    if (image === undefined)
      throw new AgentError('no-such-file', `${directory.nameOf(key)} is not in the list any more`);
    return { list, image };
  };
  return {
    place: directory.place,
    versions: async (signal) => (await found(signal)).images.map(({ version, file }) => ({ version, key: file })),
    describe: async (version, signal) =>
      described(directory, (await imageOf(version, signal)).image, host.architecture),
    vouch: async ({ version }, signal) => {
      const { list, image } = await imageOf(version, signal);
      const { architecture } = image;
      const statement = {
        version: image.version,
        ...(image.isNamed ? { name } : {}),
        ...(architecture === undefined ? {} : { architecture }),
      };
      const asked = { version: version.version, architecture: host.architecture, pinned: false };
      return vouchForListed({ place: directory.place, name, ...asked }, list, statement, image.sha256);
    },
    fetch: (offer, file, fetching) => directory.fetch(offer.version.key, file, fetching),
  };
}

/** A file whose sha256 was given needs nobody's word. */
function knownFile(directory: ListedDirectory, image: ListedImage): Publisher {
  return {
    place: directory.place,
    versions: () => Promise.resolve([{ version: image.version, key: image.file }]),
    describe: () => Promise.resolve({ kind: 'offer', offer: offerOf(directory, image) }),
    vouch: (): Promise<Voucher> => Promise.resolve(vouchForDigest(image.sha256)),
    fetch: (offer, file, fetching) => directory.fetch(offer.version.key, file, fetching),
  };
}

function described(directory: ListedDirectory, image: ListedImage, architecture: Architecture): Description {
  if (fits(image, architecture)) return { kind: 'offer', offer: offerOf(directory, image) };
  return {
    kind: 'passed-over',
    reason: `${image.file} is for ${image.architecture ?? ''}, this host is ${architecture}`,
  };
}

function offerOf(directory: ListedDirectory, image: ListedImage): Offer {
  const { file, version, architecture } = image;
  return {
    version: { version, key: file },
    reference: directory.nameOf(file),
    ...(architecture === undefined ? {} : { architecture }),
    blob: blobOf(image),
  };
}
