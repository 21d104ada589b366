import { parseArchitecture, type Architecture } from '../../core/architecture.ts';
import { decodeJson, jsonOptional, jsonStruct, jsonText } from '../../core/json.ts';
import type { ReleaseFields } from '../../core/os-release.ts';
import type { Offer, PublishedVersion } from '../publisher.ts';
import type { Statement } from '../trust/claim.ts';
import { saidBy, type Said } from './annotations.ts';
import { chooseManifest } from './index-choice.ts';
import type { Descriptor, Index, Manifest } from './manifest.ts';
import { imageIn } from './media-types.ts';
import type { Fetched, Repository } from './repository.ts';

/** What was read for an offer. */
export interface Read {
  readonly offer: Offer;
  /** `sha256:` and hexadecimal digits. */
  readonly manifest: string;
  /** Of the index that led to the manifest, where there was one. */
  readonly index?: string;
  /** What the manifest says itself: nothing that stands elsewhere, such as in a tag or in an index. */
  readonly statement: Statement;
}

/** Where an image is read, and for whom. */
export interface Asked {
  readonly repository: Repository;
  /** The name that the extension has, if the name of its file agrees. */
  readonly expected: string;
  readonly architecture: Architecture;
  /** Whether an image fits the one who asks, where there are several for one architecture. */
  readonly fits?: ((release: ReleaseFields) => boolean) | undefined;
}

type Found = Read | { readonly reason: string };

/** Reads what a manifest, or an index, says of the image for the one who asks; or why it is nothing for that one. */
export async function describe(
  asked: Asked,
  version: PublishedVersion,
  { digest, document }: Fetched,
  signal: AbortSignal | undefined,
): Promise<Found> {
  if (document.kind === 'unreadable') return { reason: `its manifest cannot be read: ${document.problem}` };
  if (document.kind === 'manifest') return describeManifest(asked, version, { digest, document }, undefined, signal);
  return describeIndex(asked, version, { digest, document }, signal);
}

async function describeIndex(
  asked: Asked,
  version: PublishedVersion,
  index: { readonly digest: string; readonly document: Index },
  signal: AbortSignal | undefined,
): Promise<Found> {
  const { repository, expected, architecture, fits } = asked;
  const choice = chooseManifest(index.document, architecture, fits);
  if ('reason' in choice) return choice;
  const { descriptor } = choice;
  const fetched = await repository.manifest(descriptor.digest, signal);
  if (fetched.document.kind !== 'manifest') return { reason: 'what its index names is no manifest' };
  const said = saidOfMember(index.document, descriptor, expected);
  const manifest = { digest: fetched.digest, document: fetched.document };
  return describeManifest(asked, version, manifest, { digest: index.digest, said }, signal);
}

/** What an index says of one of its images: of that alone, else of all. */
function saidOfMember({ annotations }: Index, { annotations: own, platform }: Descriptor, expected: string): Said {
  const architecture = parseArchitecture(platform?.architecture ?? '');
  return {
    ...(architecture === undefined ? {} : { architecture }),
    ...saidBy(new Map([...annotations, ...own]), expected),
  };
}

async function describeManifest(
  { repository, expected, architecture: wanted }: Asked,
  version: PublishedVersion,
  { digest, document }: { readonly digest: string; readonly document: Manifest },
  index: { readonly digest: string; readonly said: Said } | undefined,
  signal: AbortSignal | undefined,
): Promise<Found> {
  const image = imageIn(document, digest.replace('sha256:', ''));
  if ('reason' in image) return image;
  const own = saidBy(new Map([...image.annotations, ...document.annotations]), expected);
  const statement =
    own.architecture === undefined ? { ...(await saidByConfig(repository, document, signal)), ...own } : own;
  const said: Said = { ...index?.said, ...statement };
  const reason = reasonAgainst(said, version, wanted, index?.said);
  if (reason !== undefined) return { reason };
  const { name, architecture, release } = said;
  return {
    offer: {
      version,
      reference: `${repository.place}@${digest}`,
      ...(name === undefined ? {} : { name }),
      ...(architecture === undefined ? {} : { architecture }),
      ...(release === undefined ? {} : { release }),
      blob: image.blob,
    },
    manifest: digest,
    ...(index === undefined ? {} : { index: index.digest }),
    statement: statementOf(statement),
  };
}

function statementOf({ name, version, architecture }: Said): Statement {
  return {
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    ...(architecture === undefined ? {} : { architecture }),
  };
}

/** Why an image is not what its tag, or its index, says that it is. */
function reasonAgainst(
  said: Said,
  { version, key }: PublishedVersion,
  architecture: Architecture,
  index: Said | undefined,
): string | undefined {
  if (said.version !== undefined && said.version !== version)
    return `${key} says that it is the version ${said.version}`;
  if (said.architecture !== undefined && said.architecture !== architecture) return `it is for ${said.architecture}`;
  if (index?.name === undefined || index.name === said.name) return undefined;
  return `its index says that it is ${index.name}`;
}

const platformConfig = jsonStruct({ architecture: jsonOptional(jsonText(255), '') });
const largestConfig = 1024 * 1024;

/** The architecture that the configuration of a container image names. */
async function saidByConfig(
  repository: Repository,
  { config }: Manifest,
  signal: AbortSignal | undefined,
): Promise<Said> {
  if (!/^application\/vnd\.(oci\.image\.config|docker\.container\.image)\.v1\+json$/.test(config.mediaType)) return {};
  if (config.size > largestConfig) return {};
  const bytes = await repository.blob(config, largestConfig, signal);
  const decoded = decodeJson(bytes.toString('utf8'), platformConfig);
  const architecture = 'value' in decoded ? parseArchitecture(decoded.value.architecture) : undefined;
  return architecture === undefined ? {} : { architecture };
}
