import type { Agent } from '../../agent/agent.ts';
import type { ImageRequest } from '../../agent/candidate.ts';
import type { BootChoice } from '../../agent/boot-choice.ts';
import type { HostRelease } from '../../core/compatibility.ts';
import { AgentError, exitCodes } from '../../core/errors.ts';
import { ofThisHost } from '../../core/verified-image.ts';
import { common, type CommandSpec, type Invocation } from '../command.ts';
import { agentFor, requireRoot } from '../invoker.ts';
import { isPublished, publishedOptions, publishedRequest } from '../published-request.ts';
import { show, tableLines } from '../output.ts';
import { choiceJson } from './boot.ts';

export const checkOsCommand: CommandSpec = {
  name: 'check-os',
  arguments: '[ref...]',
  summary: 'say which extensions would not fit another version of the system, and prefetch images for it',
  description:
    'Tells what the first boot of that system would do, by the same rules. Images that are given, or published (oci://..., https://...), must fit it; they go into the store, ' +
    'beside those in place, and take their places at that boot. Exits with 5 where an extension would be left out.',
  options: [
    common.root,
    { flags: '--os-release <file>', description: 'compare with the system that this file describes' },
    { flags: '--fetch', description: 'fetch what is published for that system of all that would be left out' },
    ...publishedOptions,
    common.allow,
    common.json,
    common.reason,
    common.wait,
    common.noWait,
    common.noLegend,
    common.noPager,
  ],
  examples: [
    ['sysext-agent check-os --os-release=/mnt/usr/lib/os-release', 'before an update of the system'],
    ['sysext-agent check-os --os-release=new/os-release jq-13.raw', 'with an image for it'],
    [
      'sysext-agent check-os --os-release=new/os-release oci://registry.example.org/extensions/jq',
      'with the newest published one',
    ],
    ['sysext-agent check-os --os-release=new/os-release --fetch', 'with all that is published for it'],
  ],
  run: async (invocation) => {
    const { args, options } = invocation;
    const file = options.text('osRelease');
    if (file === undefined) {
      throw new AgentError('usage', 'check-os needs --os-release=FILE: that of the system that is to come');
    }
    if (args.length > 0 || options.flag('fetch')) requireRoot('prefetch images');
    const agent = await agentFor(options, invocation.signal);
    const { describedSystem } = await import('../../agent/described-system.ts');
    const system = await describedSystem(agent, file);
    const prefetched = await prefetchAll(invocation, agent, system);
    const { choiceFor } = await import('../../agent/prefetch.ts');
    const choice = choiceFor(agent, system);
    const brief = prefetched.map(({ name, version, sha256 }) => ({ name, version, sha256 }));
    show(invocation, { ...choiceJson(choice), prefetched: brief }, () => [
      ...prefetched.map(({ name, version }) => `Prefetched ${[name, version].join(' ').trim()}`),
      ...choiceLines(choice, options.flag('legend')),
    ]);
    return choice.leftOut.length === 0 ? exitCodes.ok : exitCodes.incompatible;
  },
};

async function prefetchAll(invocation: Invocation, agent: Agent, system: HostRelease) {
  const { args, options } = invocation;
  const { prefetch } = await import('../../agent/prefetch.ts');
  const { allowedByOption } = await import('../allowances.ts');
  const allow = allowedByOption(options);
  const requests: ImageRequest[] = [];
  for (const ref of args) {
    requests.push(
      isPublished(ref, options)
        ? await publishedRequest(invocation, ref, allow, system)
        : { ...ofThisHost(ref), source: ref, allow },
    );
  }
  const given = requests.length === 0 ? [] : await prefetch(agent, system, requests);
  if (!options.flag('fetch')) return given;
  const { prefetchComing } = await import('../coming-images.ts');
  return [...given, ...(await prefetchComing(invocation, agent, system))];
}

function choiceLines({ extensions, replaced, leftOut }: BootChoice, legend: boolean): string[] {
  if (extensions.length === 0) return ['No extensions.'];
  const rows = extensions.map(({ name, version }) => {
    const out = leftOut.find((one) => one.name === name);
    const before = replaced.find(({ after }) => after.name === name)?.before;
    const came =
      before === undefined ? 'yes' : `yes, in the place of ${before.version === '' ? 'another' : before.version}`;
    return [name, version === '' ? '-' : version, out === undefined ? came : `no: ${out.reason}`];
  });
  return tableLines({ headings: ['NAME', 'VERSION', 'IN PLACE ON THAT SYSTEM'], rows }, legend);
}
