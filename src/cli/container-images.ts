import type { ContainerImage, ContainerImages } from '../builder/source/container-images.ts';
import type { Architecture } from '../core/architecture.ts';
import { AgentError } from '../core/errors.ts';
import { parseImageReference, type RegistryReference } from '../core/image-reference.ts';
import type { Descriptor, Index, Manifest } from '../published/registry/manifest.ts';
import type { Fetched, Repository } from '../published/registry/repository.ts';
import type { Compression } from '../host/unpack.ts';

/** Container images from registries, reached as those of extensions are: by the settings of this host. */
export function containerImages(root: string): ContainerImages {
  return {
    find: async (reference, architecture, signal) => {
      const parsed = parseContainerReference(reference);
      const repository = await open(root, parsed);
      const named = await repository.manifest(parsed.digest ?? parsed.tag ?? 'latest', signal);
      const manifest = await manifestFor(repository, named, architecture, reference, signal);
      return {
        repository: repository.place.slice('oci://'.length),
        digest: manifest.digest,
        named: named.digest,
        layers: layersOf(manifest.document, reference),
      };
    },
    fetch: async ({ repository }, { sha256, size }, path, signal) => {
      const opened = await open(root, parseContainerReference(repository));
      await opened.download({ path, sha256, size }, signal === undefined ? {} : { signal });
    },
  };
}

async function open(root: string, { registry, repository }: RegistryReference): Promise<Repository> {
  const { readSettings } = await import('../agent/settings.ts');
  const { openRepository } = await import('../published/registry/repository.ts');
  const { registryAccess } = await import('./registries.ts');
  return openRepository(await registryAccess(await readSettings(root)), registry, repository);
}

/**
 * A reference as container tools write it: without a registry it is one of Docker's, without a tag the tag `latest`
 * (distribution/reference, "normalized names").
 * @throws AgentError `invalid-spec`
 */
export function parseContainerReference(text: string): RegistryReference {
  const plain = text.replace(/^docker-image:\/\//, '');
  const [first = ''] = plain.split('/', 1);
  const hasRegistry = plain.includes('/') && (/[.:]/.test(first) || first === 'localhost');
  const whole = hasRegistry ? plain : `docker.io/${plain.includes('/') ? plain : `library/${plain}`}`;
  const parsed = parseImageReference(`oci://${whole}`);
  if ('value' in parsed && parsed.value.kind === 'oci') return parsed.value;
  throw new AgentError('invalid-spec', `"${text}" is no reference of a container image`, {
    ...('problem' in parsed ? { facts: [parsed.problem] } : {}),
    left: 'Nothing was built.',
    next: 'Write NAME:TAG or HOST/NAME@sha256:DIGEST.',
  });
}

/** The manifest of what was named: of an index, the one for the architecture. */
async function manifestFor(
  repository: Repository,
  named: Fetched,
  architecture: Architecture,
  reference: string,
  signal: AbortSignal | undefined,
): Promise<Pick<Fetched, 'digest'> & { readonly document: Manifest }> {
  const { document } = named;
  if (document.kind === 'manifest') return { digest: named.digest, document };
  if (document.kind === 'unreadable') throw unusable(reference, document.problem);
  const { digest } = await chosen(document, architecture, reference);
  const fetched = await repository.manifest(digest, signal);
  if (fetched.document.kind === 'manifest') return { digest, document: fetched.document };
  throw unusable(reference, 'its index names what is no manifest');
}

async function chosen(index: Index, architecture: Architecture, reference: string): Promise<Descriptor> {
  const { chooseManifest } = await import('../published/registry/index-choice.ts');
  const choice = chooseManifest(index, architecture);
  if ('descriptor' in choice) return choice.descriptor;
  throw new AgentError(
    'incompatible',
    `the container image ${reference} is not for ${architecture}: ${choice.reason}`,
    {
      left: 'Nothing was built.',
    },
  );
}

const layerType =
  /^application\/vnd\.(?:oci\.image\.layer\.v1\.tar|docker\.image\.rootfs\.diff\.tar)(?:[+.](gzip|zstd))?$/;

function layersOf({ layers }: Manifest, reference: string): ContainerImage['layers'] {
  return layers.map(({ mediaType, digest, size }) => {
    const match = layerType.exec(mediaType);
    const [, sha256] = /^sha256:([0-9a-f]{64})$/.exec(digest) ?? [];
    if (match === null || sha256 === undefined) throw unusable(reference, `it has a layer of the type ${mediaType}`);
    return { sha256, size, compression: (match[1] ?? 'none') as Compression };
  });
}

function unusable(reference: string, problem: string): AgentError {
  return new AgentError(
    'content-refused',
    `${reference} is no container image that files can be taken from: ${problem}`,
    {
      left: 'Nothing was built.',
    },
  );
}
