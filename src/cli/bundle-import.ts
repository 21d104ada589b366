import type { Agent } from '../agent/agent.ts';
import type { ImageRequest } from '../agent/candidate.ts';
import { AgentError, isAgentError } from '../core/errors.ts';
import { hasDigest, parseReferenceText, type ImageReference } from '../core/image-reference.ts';
import { parseVersionRange, type VersionRange } from '../core/version-range.ts';
import type { Progress } from '../host/progress.ts';
import { openBundle, type OpenBundle } from '../published/bundle/archive.ts';
import { unusable, type BundledExtension } from '../published/bundle/contents.ts';
import { recordedSource } from '../published/bundle/recorded.ts';
import { buildArchitecture } from './build-host.ts';
import { publishedImages, type PublishedImages, type PublishedWish } from './published-images.ts';

/** What may be taken of a bundle. */
export interface ImportOptions {
  /** Digests that whoever asks knows from elsewhere, in hexadecimal: what was asked for by one of these needs no signature. */
  readonly known: readonly string[];
  readonly allowDowngrade: boolean;
}

/**
 * Takes the images of a bundle as if they were fetched from where they are published: nothing is believed of it that the
 * settings of this host do not trust.
 * @throws AgentError `verification-failed`, `incompatible`, `disk-full`, `interrupted`, `no-such-file` without the file
 */
export async function importBundle(
  agent: Agent,
  file: string,
  options: ImportOptions,
  progress: Progress,
): Promise<readonly ImageRequest[]> {
  const bundle = openBundle(file);
  const images = await publishedImages(agent, progress);
  const requests: ImageRequest[] = [];
  for (const extension of bundle.extensions) {
    requireArchitecture(extension);
    requests.push(await take({ images, bundle, file, options }, extension, agent.signal));
  }
  return requests;
}

interface Import {
  readonly images: PublishedImages;
  readonly bundle: OpenBundle;
  readonly file: string;
  readonly options: ImportOptions;
}

async function take(
  { images, bundle, file, options }: Import,
  extension: BundledExtension,
  signal: AbortSignal | undefined,
): Promise<ImageRequest> {
  const wish = wishOf(bundle, file, extension, options);
  try {
    return await images.fetch(wish, await images.find(wish, signal), signal);
  } catch (error) {
    throw isAgentError(error, 'no-such-file', 'unsatisfiable')
      ? unproven(file, extension, wish.reference, error)
      : error;
  }
}

function wishOf(bundle: OpenBundle, file: string, extension: BundledExtension, options: ImportOptions): PublishedWish {
  const { name, from, versions, key } = extension;
  const reference = valueOf(parseReferenceText(from), file, name);
  const range = versions === undefined ? undefined : valueOf<VersionRange>(parseVersionRange(versions), file, name);
  const documents = bundle.documentsOf(extension);
  return {
    name,
    reference,
    ...(range === undefined ? {} : { range }),
    source: recordedSource(reference, { file, documents, fetch: bundle.fetch }),
    only: (version) => version.key === key,
    pinned: options.known.includes(digestOf(reference)),
    allowDowngrade: options.allowDowngrade,
  };
}

function valueOf<T>(parsed: { readonly value: T } | { readonly problem: string }, file: string, name: string): T {
  if ('value' in parsed) return parsed.value;
  throw unusable(file, `${name}: ${parsed.problem}`);
}

/** The digest that a reference gives, in hexadecimal; empty where it gives none. */
function digestOf(reference: ImageReference): string {
  return (reference.kind === 'oci' ? reference.digest?.replace('sha256:', '') : reference.sha256) ?? '';
}

/** What is for others has other documents: it would only look as if some were missing. */
function requireArchitecture({ name, version, architecture }: BundledExtension): void {
  const own = buildArchitecture();
  if (architecture === undefined || architecture === own) return;
  throw new AgentError(
    'incompatible',
    `${name} ${version} in this bundle is for ${architecture}, this host is ${own}`,
    {
      left: 'Nothing was changed.',
      next: 'Make a bundle on a host of the same architecture.',
    },
  );
}

function unproven(
  file: string,
  { name, version }: BundledExtension,
  reference: ImageReference,
  cause: AgentError,
): AgentError {
  const next = hasDigest(reference)
    ? `It was asked for by its digest: where that is known from elsewhere, give it with --sha256=${digestOf(reference)}.`
    : 'Make the bundle again with `sysext-agent bundle export`.';
  return new AgentError('verification-failed', `nothing in ${file} proves ${name} ${version}`, {
    unverified: 'untrusted',
    cause,
    facts: [cause.message],
    left: 'Nothing was changed.',
    next,
  });
}
