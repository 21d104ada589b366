import { AgentError, exitCodes } from '../../core/errors.ts';
import type { RegistryReference } from '../../core/image-reference.ts';
import { systemClock } from '../../host/clock.ts';
import type { Documents, Publication, Sent } from '../../published/registry/publish.ts';
import { common, type CommandSpec, type Invocation, type Options } from '../command.ts';
import { hostExec, rootOf } from '../invoker.ts';
import { formatSize, show } from '../output.ts';
import { terminalProgress } from '../progress.ts';

export const pushCommand: CommandSpec = {
  name: 'push',
  arguments: '<image...>',
  summary: 'publish images in an OCI registry: the last argument is where, oci://HOST/NAME[:TAG]',
  description:
    'Takes raw images of one version of an extension, one for each architecture or system that it is for, and publishes them ' +
    'as one index, whose annotations say for which systems each is. The tag is made of the version unless it is given. ' +
    'Users and passwords come from the files of podman, skopeo and docker.',
  options: [
    { flags: '--tag <tag>', description: 'publish it under this tag as well, such as latest', repeatable: true },
    {
      flags: '--annotation <key=value>',
      description: 'say more of it, such as org.opencontainers.image.source=URL',
      repeatable: true,
    },
    { flags: '--name <name>', description: 'the name of the extension (default: as the images say)' },
    { flags: '--image-version <version>', description: 'the version of the extension (default: as the images say)' },
    {
      flags: '--mount-from <name>',
      description: 'take images from this repository of the same registry, where it has them',
    },
    common.root,
    common.dryRun,
    common.json,
  ],
  examples: [
    ['sysext-agent push jq.raw oci://registry.example.org/tools/jq', 'under the tag of its version'],
    ['sysext-agent push out/*.raw oci://ghcr.io/me/jq --tag=latest', 'for several architectures, and as the latest'],
  ],
  run: async (invocation) => {
    const { options } = invocation;
    const { images, reference } = await argumentsOf(invocation);
    const { documentsOf, publish } = await import('../../published/registry/publish.ts');
    const publication = await readPublication(invocation, images);
    const documents = documentsOf(publication);
    const tags = await tagsOf(reference, publication, options);
    const sent = options.flag('dryRun') ? undefined : await send(publish);
    showPublication(invocation, { reference, documents, tags, sent });
    return exitCodes.ok;

    async function send(how: typeof publish): Promise<Sent> {
      const { openUpload } = await import('../../published/registry/upload.ts');
      const { readSettings } = await import('../../agent/settings.ts');
      const { registryAccess } = await import('../registries.ts');
      const access = await registryAccess(await readSettings(rootOf(options)));
      const from = options.text('mountFrom');
      const progress = terminalProgress(invocation.terminal, () => systemClock.monotonic());
      try {
        const upload = openUpload(access, reference.registry, reference.repository);
        const { signal } = invocation;
        return await how(upload, documents, { tags, progress, signal, ...(from === undefined ? {} : { from }) });
      } finally {
        progress.finish();
      }
    }
  },
};

async function argumentsOf({ args }: Invocation): Promise<{ images: readonly string[]; reference: RegistryReference }> {
  const { parseImageReference } = await import('../../core/image-reference.ts');
  const text = args.at(-1) ?? '';
  const parsed = parseImageReference(text);
  const images = args.slice(0, -1);
  if ('problem' in parsed) throw new AgentError('usage', parsed.problem, { left: 'Nothing was sent.' });
  if (parsed.value.kind !== 'oci' || parsed.value.digest !== undefined) {
    throw new AgentError('usage', `nothing can be sent to ${text}: expected oci://HOST/NAME or oci://HOST/NAME:TAG`);
  }
  if (images.length === 0) throw new AgentError('usage', 'push needs at least one image, and where to send it');
  return { images, reference: parsed.value };
}

async function readPublication({ options, signal }: Invocation, images: readonly string[]): Promise<Publication> {
  const { readPublishedImage } = await import('../image-to-publish.ts');
  const naming = { name: options.text('name'), version: options.text('imageVersion') };
  const exec = hostExec(signal);
  return {
    images: await Promise.all(images.map((path) => readPublishedImage(path, naming, exec))),
    annotations: new Map(options.list('annotation').map(annotationOf)),
  };
}

function annotationOf(text: string): [string, string] {
  const [, key, value] = /^([a-z0-9][\w.-]*)=(.*)$/is.exec(text) ?? [];
  if (key !== undefined && value !== undefined) return [key, value];
  throw new AgentError('usage', `--annotation takes KEY=VALUE, not ${text}`);
}

async function tagsOf(
  { tag }: RegistryReference,
  { images }: Publication,
  options: Options,
): Promise<readonly string[]> {
  const { tagOf } = await import('../../published/registry/tags.ts');
  const more = options.list('tag');
  const bad = more.find((one) => !/^\w[\w.-]{0,127}$/.test(one));
  if (bad !== undefined) throw new AgentError('usage', `"${bad}" is no tag: letters, digits and . _ -, at most 128`);
  return [...new Set([tag ?? tagOf(images[0]?.version ?? ''), ...more])];
}

interface Shown {
  readonly reference: RegistryReference;
  readonly documents: Documents;
  readonly tags: readonly string[];
  readonly sent: Sent | undefined;
}

function showPublication(invocation: Invocation, { reference, documents, tags, sent }: Shown): void {
  const place = `oci://${reference.registry}/${reference.repository}`;
  const { images, index } = documents;
  const [first] = images;
  const value = {
    reference: `${place}@${index.digest}`,
    tags,
    name: first?.image.name,
    version: first?.image.version,
    images: images.map(({ image, manifest }, at) => ({
      path: image.path,
      architecture: image.architecture ?? null,
      release: image.release,
      sha256: image.sha256,
      size: image.size,
      manifest: manifest.digest,
      ...(sent === undefined ? {} : { transfer: sent[at] }),
    })),
  };
  const verb = sent === undefined ? 'would publish' : 'Published';
  show(invocation, value, () => [
    `${verb} ${value.name ?? ''} ${value.version ?? ''} as ${tags.map((tag) => `${place}:${tag}`).join(', ')}`,
    ...images.map(({ image }, at) => {
      const how = sent === undefined ? '' : `, ${wordsOf[sent[at] ?? 'sent']}`;
      return `  ${image.architecture ?? 'any architecture'}: ${image.title}, ${formatSize(image.size)}${how}`;
    }),
    `Digest: ${index.digest}`,
  ]);
}

const wordsOf: Readonly<Record<Sent[number], string>> = {
  sent: 'sent',
  mounted: 'taken from another repository',
  there: 'was there',
};
