import { basename } from 'node:path';

import type { ImageRequest } from '../../agent/candidate.ts';
import type { Allowance } from '../../core/contents/allow.ts';
import { AgentError, exitCodes, withLeft } from '../../core/errors.ts';
import { builtHere, ofThisHost } from '../../core/verified-image.ts';
import { buildOptions } from '../build-host.ts';
import { showChange } from '../change-output.ts';
import { changeOptions, common, type CommandSpec, type Invocation } from '../command.ts';
import { changedByService, installRequest } from '../by-service.ts';
import { agentFor } from '../invoker.ts';
import { isPublished, publishedOptions, publishedRequest } from '../published-request.ts';
import { buildImage } from './build.ts';

export const installCommand: CommandSpec = {
  name: 'install',
  arguments: '<ref...>',
  summary: 'build or take images, put them in place and merge them',
  description:
    'A REF is a Dalec spec (.yml, .yaml), a raw image (.raw), a directory, or a published image: oci://HOST/NAME[:TAG][@sha256:DIGEST], ' +
    'https://HOST/DIRECTORY/ with a SHA256SUMS, or https://HOST/FILE. All of them are installed or, where anything fails, none.',
  options: [
    { flags: '--name <name>', description: 'the name of the extension, where one image is installed' },
    { flags: '--retry', description: 'try again what was rolled back' },
    ...publishedOptions,
    ...buildOptions,
    common.allow,
    ...changeOptions,
  ],
  examples: [
    ['sysext-agent install jq.yml', 'build jq for this host and merge it'],
    ['sysext-agent install tools.raw', 'take an image that was built elsewhere'],
    [
      "sysext-agent install oci://registry.example.org/extensions/jq --range='1.7.*'",
      'fetch the newest version in a range',
    ],
    ['sysext-agent install --dry-run tools.raw', 'tell the steps only'],
    ['sysext-agent install --allow=setuid tools.raw', 'with programs that run as root for everyone'],
  ],
  run: async (invocation) => {
    const { args, options, signal } = invocation;
    const dryRun = options.flag('dryRun');
    const asked = dryRun ? undefined : await changedByService(invocation, 'install extensions', installRequest(args));
    if (asked !== undefined) return asked;
    if (options.text('name') !== undefined && args.length > 1) {
      throw new AgentError('usage', '--name names one extension: install the others by themselves');
    }
    const { install } = await import('../../agent/install.ts');
    const { allowedByOption } = await import('../allowances.ts');
    const allow = allowedByOption(options);
    try {
      const requests: ImageRequest[] = [];
      for (const ref of args) requests.push(await requestOf(invocation, ref, allow));
      showChange(
        invocation,
        await install(await agentFor(options, signal), requests, { dryRun, retry: options.flag('retry'), signal }),
      );
      return exitCodes.ok;
    } catch (error) {
      throw withLeft(error, 'Nothing was changed.');
    }
  },
};

/** The image that a REF stands for, built where it is a spec. */
async function requestOf(invocation: Invocation, ref: string, allow: readonly Allowance[]): Promise<ImageRequest> {
  if (ref === '') throw new AgentError('usage', 'an empty argument names no spec and no image');
  if (isPublished(ref, invocation.options)) return publishedRequest(invocation, ref, allow);
  const name = invocation.options.text('name');
  if (!/\.ya?ml$/.test(ref)) return { ...ofThisHost(ref), source: ref, allow, ...(name === undefined ? {} : { name }) };
  const { allowedBySpec, partOfSpec } = await import('../allowances.ts');
  const image = await buildImage(invocation, ref);
  return {
    ...builtHere(image.path),
    source: `${basename(ref)} for ${image.target}`,
    name: name ?? image.name,
    version: image.version,
    allow: [...allow, ...allowedBySpec(image, ref)],
    health: image.health.map((check) => ({ ...check, by: partOfSpec(ref) })),
  };
}
