import { join } from 'node:path';

import type { Agent } from '../../agent/agent.ts';
import type { HostRelease } from '../../core/compatibility.ts';
import { AgentError, exitCodes } from '../../core/errors.ts';
import { systemClock } from '../../host/clock.ts';
import type { Compression } from '../../host/unpack.ts';
import type { DownloadOptions } from '../../host/http.ts';
import type { Progress } from '../../host/progress.ts';
import type { Voucher } from '../../published/trust/voucher.ts';
import { common, type CommandSpec, type Invocation, type Options } from '../command.ts';
import { agentFor } from '../invoker.ts';
import { formatSize, show } from '../output.ts';
import { terminalProgress } from '../progress.ts';
import type { FoundImage } from '../published-images.ts';
import { publishedWish, referenceOptions } from '../published-request.ts';

export const pullCommand: CommandSpec = {
  name: 'pull',
  arguments: '<ref>',
  summary: 'fetch a published image into a file, verified as for an installation',
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
    ...referenceOptions,
    common.root,
    common.dryRun,
    common.json,
  ],
  examples: [
    ['sysext-agent pull oci://registry.example.org/tools/jq', 'the newest that fits this system'],
    ['sysext-agent pull oci://ghcr.io/me/jq:1.7 --architecture=arm64 --output=out', 'one version, for another machine'],
    ['sysext-agent pull https://example.org/sysext/jq/ --range="<2"', 'the newest of the versions in a SHA256SUMS'],
  ],
  run: async (invocation) => {
    const progress = terminalProgress(invocation.terminal, () => systemClock.monotonic());
    const pulled = await pull(invocation, progress).finally(() => {
      progress.finish();
    });
    showPulled(invocation, pulled);
    return exitCodes.ok;
  },
};

interface Pulled {
  readonly found: FoundImage;
  readonly voucher: Voucher;
  readonly path: string;
}

async function pull({ args, options, signal }: Invocation, progress: Progress): Promise<Pulled> {
  const { publishedImages } = await import('../published-images.ts');
  // What was rolled back here may be right elsewhere.
  const wish = { ...publishedWish(args[0] ?? '', options), retry: true };
  const agent = await agentFor(options, signal);
  const images = await publishedImages(agent, progress, await askerOf(options, agent));
  const found = await images.find(wish, signal);
  requireFile(found);
  const voucher = await found.publisher.vouch(found.offer, signal);
  const path = join(options.text('output') ?? '.', fileNameOf(found));
  if (!options.flag('dryRun')) await fetch(found, path, { progress, signal });
  return { found, voucher, path };
}

/** A tree that comes in layers becomes an image only where it is installed. */
function requireFile({ offer: { reference, blob } }: FoundImage): void {
  if (blob.layers === undefined) return;
  throw new AgentError('unsatisfiable', `${reference} is no file: it comes in ${blob.layers.length} layers`, {
    left: 'Nothing was fetched.',
    next: '`sysext-agent install` makes an image of it, `skopeo copy` takes it elsewhere as it is.',
  });
}

/** The system that an image is for. */
async function askerOf(options: Options, agent: Agent): Promise<HostRelease> {
  const { hostFor } = await import('../fit.ts');
  const { parseArchitecture } = await import('../../core/architecture.ts');
  const host = await hostFor(agent, options.text('osRelease'));
  const wanted = options.text('architecture') ?? host.architecture;
  return { ...host, architecture: parseArchitecture(wanted) ?? wanted };
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
function fileNameOf({ name, offer: { version, architecture, blob } }: FoundImage): string {
  const parts = [name, version.version, architecture ?? ''].filter((part) => part !== '');
  return `${parts.join('_').replace(/[^\w.+~^-]/g, '_')}.${blob.form}${endings[blob.compression]}`;
}

async function fetch({ publisher, offer }: FoundImage, path: string, options: DownloadOptions): Promise<void> {
  const { mostImageBytes } = await import('../../published/transfer.ts');
  const { sha256, size } = offer.blob;
  const file = { path, sha256, maxSize: mostImageBytes, ...(size === undefined ? {} : { size }) };
  await publisher.fetch(offer, file, options);
}

function showPulled(invocation: Invocation, { found, voucher, path }: Pulled): void {
  const { name, offer, passedOver } = found;
  const { reference, version, architecture, blob } = offer;
  const value = {
    path,
    reference,
    name,
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
