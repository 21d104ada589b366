import { join } from 'node:path';

import type { HostRelease } from '../../core/compatibility.ts';
import { parseArchitecture, type Architecture } from '../../core/architecture.ts';
import { AgentError, exitCodes } from '../../core/errors.ts';
import type { RegistryReference } from '../../core/image-reference.ts';
import { systemClock } from '../../host/clock.ts';
import type { Compression } from '../../host/unpack.ts';
import type { Choice } from '../../published/choice.ts';
import type { Offer, Publisher } from '../../published/publisher.ts';
import type { Voucher } from '../../published/trust/voucher.ts';
import { common, type CommandSpec, type Invocation, type Options } from '../command.ts';
import { agentFor } from '../invoker.ts';
import { formatSize, show } from '../output.ts';
import { terminalProgress } from '../progress.ts';

export const pullCommand: CommandSpec = {
  name: 'pull',
  arguments: '<ref>',
  summary: 'fetch an image from an OCI registry into a file, verified as for an installation',
  description:
    'Chooses as `install` does: without a tag the newest version that fits this system. What arrives is the file as it was ' +
    'published, compressed where it is compressed. Where it was broken off it goes on.',
  options: [
    { flags: '--output <dir>', description: 'put the image there (default: the current directory)' },
    { flags: '--os-release <file>', description: 'for the system that this file describes' },
    {
      flags: '--architecture <name>',
      description: 'for this architecture, such as arm64 (default: that of this host)',
    },
    {
      flags: '--name <name>',
      description: 'the name the extension must have (default: the last part of the reference)',
    },
    common.root,
    common.dryRun,
    common.json,
  ],
  examples: [
    ['sysext-agent pull oci://registry.example.org/tools/jq', 'the newest that fits this system'],
    ['sysext-agent pull oci://ghcr.io/me/jq:1.7 --architecture=arm64 --output=out', 'one version, for another machine'],
  ],
  run: async (invocation) => {
    const { options, signal } = invocation;
    const { choose } = await import('../../published/choice.ts');
    const { publisher, host } = await publisherFor(invocation);
    const name = options.text('name');
    const choice = await choose(publisher, { host, ...(name === undefined ? {} : { name }) }, signal);
    const voucher = await publisher.vouch(choice.offer, signal);
    const path = join(options.text('output') ?? '.', fileNameOf(choice.offer, name ?? expectedName(publisher)));
    if (!options.flag('dryRun')) await fetch(invocation, publisher, choice.offer, path);
    showPulled(invocation, choice, voucher, path);
    return exitCodes.ok;
  },
};

async function publisherFor({
  args,
  options,
  signal,
}: Invocation): Promise<{ publisher: Publisher; host: HostRelease }> {
  const reference = await referenceOf(args[0] ?? '');
  const { createRegistryPublisher } = await import('../../published/registry/registry-publisher.ts');
  const { compatibility } = await import('../../core/compatibility.ts');
  const { readSettings } = await import('../../agent/settings.ts');
  const { hostTrust, registryAccess } = await import('../registries.ts');
  const agent = await agentFor(options, signal);
  const settings = await readSettings(agent.root);
  const { host, architecture } = await askerOf(options, agent);
  const name = options.text('name');
  const publisher = createRegistryPublisher({
    reference,
    architecture,
    fits: (release) => compatibility(release, host).fits,
    trust: await hostTrust(settings, agent.root),
    access: await registryAccess(settings),
    ...(name === undefined ? {} : { name }),
  });
  return { publisher, host };
}

async function referenceOf(text: string): Promise<RegistryReference> {
  const { parseImageReference } = await import('../../core/image-reference.ts');
  const parsed = parseImageReference(text);
  if ('problem' in parsed) throw new AgentError('usage', parsed.problem);
  if (parsed.value.kind === 'oci') return parsed.value;
  throw new AgentError('usage', `${text} is not in a registry`, { next: 'Fetch it with a program such as curl.' });
}

/** The system that an image is for. */
async function askerOf(
  options: Options,
  agent: Awaited<ReturnType<typeof agentFor>>,
): Promise<{ host: HostRelease; architecture: Architecture }> {
  const { hostFor } = await import('../fit.ts');
  const host = await hostFor(agent, options.text('osRelease'));
  const wanted = options.text('architecture') ?? host.architecture;
  const architecture = parseArchitecture(wanted);
  if (architecture !== undefined) return { host: { ...host, architecture }, architecture };
  throw new AgentError('usage', `"${wanted}" is no architecture that images can be for`);
}

function expectedName({ place }: Publisher): string {
  return place.slice(place.lastIndexOf('/') + 1);
}

const endings: Readonly<Record<Compression, string>> = {
  none: '',
  zstd: '.zst',
  gzip: '.gz',
  xz: '.xz',
  lzma: '.lzma',
  bzip2: '.bz2',
};

/** `jq_1.7_x86-64.raw`: what is not fit for the name of a file stands as `_`. */
function fileNameOf({ name, version, architecture, blob }: Offer, otherwise: string): string {
  const parts = [name ?? otherwise, version.version, ...(architecture === undefined ? [] : [architecture])];
  return `${parts.join('_').replace(/[^\w.+~^-]/g, '_')}.${blob.form}${endings[blob.compression]}`;
}

async function fetch(
  { terminal, signal }: Invocation,
  publisher: Publisher,
  offer: Offer,
  path: string,
): Promise<void> {
  const { mostImageBytes } = await import('../../published/transfer.ts');
  const { sha256, size } = offer.blob;
  const progress = terminalProgress(terminal, () => systemClock.monotonic());
  const file = { path, sha256, maxSize: mostImageBytes, ...(size === undefined ? {} : { size }) };
  try {
    await publisher.fetch(offer, file, { progress, signal });
  } finally {
    progress.finish();
  }
}

function showPulled(invocation: Invocation, { offer, passedOver }: Choice, voucher: Voucher, path: string): void {
  const { reference, version, architecture, blob } = offer;
  const value = {
    path,
    reference,
    name: offer.name ?? null,
    version: version.version,
    architecture: architecture ?? null,
    sha256: blob.sha256,
    size: blob.size ?? null,
    compression: blob.compression,
    vouchedFor: { by: voucher.by, signed: voucher.signed },
    passedOver,
  };
  const verb = invocation.options.flag('dryRun') ? 'would fetch' : 'Fetched';
  show(invocation, value, () => [
    `${verb} ${path} (${formatSize(blob.size)}) from ${reference}`,
    `Vouched for by ${voucher.by}`,
    ...passedOver.map((other) => `  not ${other.version}: ${other.reason}`),
  ]);
}
