import type { Candidate } from '../../agent/candidate.ts';
import type { HostRelease } from '../../core/compatibility.ts';
import { exitCodes } from '../../core/errors.ts';
import { parseReleaseFields } from '../../core/os-release.ts';
import { readText } from '../../host/files.ts';
import { common, type CommandSpec, type Invocation } from '../command.ts';
import { show } from '../output.ts';
import { judge, type Verdict } from '../fit.ts';
import { agentFor } from '../invoker.ts';

export const checkCommand: CommandSpec = {
  name: 'check',
  arguments: '<image>',
  summary: 'say whether systemd would merge an image on this host, and why',
  description:
    'Applies the rules of systemd-sysext to the extension-release file of the image. Exits with 5 where it does not fit, with 7 where it holds what an extension must not.',
  options: [
    common.root,
    { flags: '--os-release <file>', description: 'compare with the system that this file describes' },
    { flags: '--name <name>', description: 'the name the extension is to have' },
    common.json,
  ],
  examples: [
    ['sysext-agent check jq.raw', 'for this host'],
    ['sysext-agent check jq.raw --os-release=other-host/os-release', 'for another'],
  ],
  run: async (invocation) => {
    const { args, options } = invocation;
    const { readCandidate } = await import('../../agent/candidate.ts');
    const { readHostRelease } = await import('../../systemd/host-release.ts');
    const agent = await agentFor(options);
    const { version } = await agent.tool.features();
    const [path = ''] = args;
    const name = options.text('name');
    const request = { path, source: path, ...(name === undefined ? {} : { name }) };
    const candidate = await readCandidate(request, version, agent.exec);
    const osRelease = options.text('osRelease');
    const here = readHostRelease(agent.root, version);
    const there = (file: string) => ({ ...here, title: 'that system', fields: parseReleaseFields(readText(file)) });
    const host = osRelease === undefined ? here : there(osRelease);
    const verdict = await judge(candidate, host, osRelease === undefined ? agent.root : undefined);
    await showVerdict(invocation, candidate, host, verdict);
    return verdict.refusal?.exitCode ?? exitCodes.ok;
  },
};

async function showVerdict(
  invocation: Invocation,
  candidate: Candidate,
  host: HostRelease,
  { refusal, why }: Verdict,
): Promise<void> {
  const { fitOf } = await import('../../agent/candidate.ts');
  const { name, version } = candidate;
  const identity = { name, version: version === '' ? null : version };
  const title = `${name} ${version}`.trim();
  const fit = fitOf(candidate, host);
  if (refusal === undefined) {
    show(invocation, { ...identity, fits: true, why }, () => [`${title} fits: ${why}`]);
    return;
  }
  const { facts = [] } = refusal.details;
  invocation.terminal.note([`sysext-agent: ${refusal.message}`, ...facts.map((fact) => `  ${fact}`)].join('\n'));
  const misfit = fit.fits ? {} : { why: fit.why };
  show(invocation, { ...identity, fits: false, error: refusal.message, ...misfit }, () => []);
}
