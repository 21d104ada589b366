import { join } from 'node:path';

import packageJson from '../../../package.json' with { type: 'json' };
import { countingFailures } from '../../agent/verify-failures.ts';
import type { BuiltImage } from '../../builder/build.ts';
import type { BuildHost, BuildRequest } from '../../builder/request.ts';
import { provenanceSuffix, provenanceText } from '../../builder/provenance.ts';
import { AgentError, exitCodes, type ExitCode } from '../../core/errors.ts';
import { manifestSuffix } from '../../core/sbom.ts';
import { systemClock } from '../../host/clock.ts';
import { fileStatus, readText, readTextIfAny } from '../../host/files.ts';
import { buildHost, buildLogDirectory, buildOptions, buildRequest } from '../build-host.ts';
import { common, type CommandSpec, type Invocation } from '../command.ts';
import { rootOf } from '../invoker.ts';
import { formatSize, show } from '../output.ts';
import { linesTo, terminalProgress } from '../progress.ts';

export const buildCommand: CommandSpec = {
  name: 'build',
  arguments: '[spec]',
  summary: 'build the image of a Dalec spec',
  description:
    'Takes the packages of `dependencies.sysext` from the repositories of the target, and what the build steps of the spec ' +
    'make of its sources, and makes one image of them. The same packages and tools give the same bytes. ' +
    'The list of the packages is in the image and beside it (.spdx.json). ' +
    'How the image came to be is beside it as well (.provenance.json). The tests of the spec must pass.',
  options: [
    ...buildOptions,
    { flags: '--output <dir>', description: 'put the image there (default: the current directory)' },
    {
      flags: '--log <name>',
      description: 'print what the steps of the last build of this name printed, and build nothing',
    },
    common.root,
    common.json,
    common.dryRun,
  ],
  examples: [
    ['sysext-agent build jq.yml', 'for this host, into the current directory'],
    ['sysext-agent build jq.yml --target=trixie --output=out', 'from the packages of Debian 13'],
    ['sysext-agent build jq.yml --test=both', 'tested in a root of the target, and as it would be merged here'],
    [
      'sysext-agent build jq.yml --build-arg DALEC_SYSEXT_OS_ID=debian --build-arg DALEC_SYSEXT_OS_VERSION_ID=13',
      'for Debian 13 only',
    ],
    ['sysext-agent build hello.yml --verbose', 'and watch its steps'],
    ['sysext-agent build --log hello', 'what they printed the last time'],
  ],
  run: async (invocation) => {
    const { args, options } = invocation;
    const logOf = options.text('log');
    if (logOf !== undefined) return printLog(invocation, logOf);
    const [spec] = args;
    if (spec === undefined) throw new AgentError('usage', 'build takes a spec, or --log NAME');
    if (options.flag('dryRun')) return showPlan(invocation, spec);
    const image = await buildImage(invocation, spec);
    const { path, unchanged, ...beside } = await deliver(image, options.text('output') ?? '.');
    const size = fileStatus(path)?.size;
    const { name, version, target, sha256, packages, findings, added } = image;
    const { tested } = image.provenance;
    const identity = { path, ...beside, name, version, target, size, sha256, unchanged };
    const built = { ...identity, packages, findings, added, tested };
    show(invocation, built, () => [
      `${path} (${formatSize(size)}, sha256 ${sha256.slice(0, 12)})${unchanged ? ' is up to date' : ''}`,
    ]);
    return exitCodes.ok;
  },
};

/** Where a built image was put, and what is beside it. */
interface Delivered {
  readonly path: string;
  readonly manifest: string;
  readonly provenance: string;
  /** Whether the image was there already. */
  readonly unchanged: boolean;
}

/** Writes only what is not there as it is to be: other builds may be at the same files. */
async function deliver({ path: built, fileName, sha256, ...image }: BuiltImage, directory: string): Promise<Delivered> {
  const { sha256OfFile } = await import('../../host/digest.ts');
  const { deliveryTo } = await import('../../host/delivery.ts');
  const delivery = deliveryTo(directory);
  const put = (suffix: string, text: string) => {
    const name = `${fileName.replace(/\.raw$/, '')}${suffix}`;
    if (readTextIfAny(join(directory, name)) !== text) delivery.write(text, name);
    return join(directory, name);
  };
  const path = join(directory, fileName);
  const unchanged = fileStatus(path)?.isFile() === true && sha256OfFile(path) === sha256;
  if (!unchanged) delivery.copy(built, fileName);
  const provenance = provenanceText({ ...image.provenance, builderVersion: packageJson.version });
  return {
    path,
    manifest: put(manifestSuffix, readText(image.manifest)),
    provenance: put(provenanceSuffix, provenance),
    unchanged,
  };
}

async function printLog({ options, terminal }: Invocation, name: string): Promise<ExitCode> {
  const { newestLog } = await import('../../builder/making/build-log.ts');
  const path = newestLog(buildLogDirectory(rootOf(options)), name);
  for (const line of readText(path).trimEnd().split('\n')) terminal.print(line);
  return exitCodes.ok;
}

async function showPlan(invocation: Invocation, spec: string): Promise<ExitCode> {
  const { planBuild } = await import('../../builder/build.ts');
  const { order, packages, steps } = await withBuildHost(invocation, spec, (host, request) => planBuild(host, request));
  const { fileName, version, target } = order;
  show(invocation, { fileName, name: order.spec.name, version, target: target.name, packages, steps }, () => [
    `would build ${fileName} from:`,
    ...packages.map((pkg) => `  ${pkg.name} ${pkg.version} (${pkg.architecture}, ${formatSize(pkg.size)})`),
    ...(order.isMade ? [`  what is made of the sources of the spec`] : []),
    ...(steps.length > 0 ? ['would run, where it was not run before:'] : []),
    ...steps.map((step) => `  ${step}`),
  ]);
  return exitCodes.ok;
}

/** Builds the image of a spec as the options of a command ask for, with progress on the terminal. */
export async function buildImage(invocation: Invocation, spec: string): Promise<BuiltImage> {
  const { build } = await import('../../builder/build.ts');
  return withBuildHost(invocation, spec, build);
}

async function withBuildHost<T>(
  { options, terminal, signal }: Invocation,
  spec: string,
  work: (host: BuildHost, request: BuildRequest) => Promise<T>,
): Promise<T> {
  const progress = terminalProgress(terminal, () => systemClock.monotonic());
  try {
    const host = await buildHost(options, progress, options.flag('verbose') ? linesTo(progress.note) : undefined);
    return await countingFailures(rootOf(options), () => work(host, buildRequest(spec, options, signal)));
  } finally {
    progress.finish();
  }
}
