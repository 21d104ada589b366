import type { Candidate } from '../../agent/candidate.ts';
import { type AgentError, exitCodes } from '../../core/errors.ts';
import { ofThisHost } from '../../core/verified-image.ts';
import { common, type CommandSpec, type Invocation } from '../command.ts';
import { findingLines, findingsJson } from '../finding-output.ts';
import { judge, type Verdict } from '../fit.ts';
import { agentFor } from '../invoker.ts';
import { show } from '../output.ts';

export const checkCommand: CommandSpec = {
  name: 'check',
  arguments: '<image>',
  summary: 'say whether an image could be installed on this host, and why',
  description:
    'Applies the rules of systemd-sysext to the extension-release file of the image, and our own to what it holds. Exits with 5 where it does not fit, with 7 where it holds what an extension must not, or what has to be allowed first.',
  options: [
    common.root,
    { flags: '--os-release <file>', description: 'compare with the system that this file describes' },
    { flags: '--name <name>', description: 'the name the extension is to have' },
    common.allow,
    common.json,
  ],
  examples: [
    ['sysext-agent check jq.raw', 'for this host'],
    ['sysext-agent check jq.raw --os-release=other-host/os-release', 'for another'],
  ],
  run: async (invocation) => {
    const { args, options } = invocation;
    const { readCandidate } = await import('../../agent/candidate.ts');
    const { allowedByOption } = await import('../allowances.ts');
    const agent = await agentFor(options);
    const { version } = await agent.tool.features();
    const [path = ''] = args;
    const name = options.text('name');
    const allow = allowedByOption(options);
    const request = { ...ofThisHost(path), source: path, allow, ...(name === undefined ? {} : { name }) };
    const candidate = await readCandidate(request, version, agent.exec);
    const verdict = await judge(agent, candidate, options.text('osRelease'));
    showVerdict(invocation, candidate, verdict);
    return verdict.refusal?.exitCode ?? exitCodes.ok;
  },
};

function showVerdict(invocation: Invocation, { name, version }: Candidate, verdict: Verdict): void {
  const { why, refusal, judgement } = verdict;
  const identity = { name, version: version === '' ? null : version };
  const findings = findingsJson(judgement);
  const lines = findingLines(judgement);
  if (refusal === undefined) {
    show(invocation, { ...identity, fits: true, why, findings }, () => [
      `${name} ${version}`.trim() + ` fits: ${why}`,
      ...lines,
    ]);
    return;
  }
  note(invocation, refusal);
  const misfit = verdict.misfit === undefined ? {} : { why: verdict.misfit };
  show(invocation, { ...identity, fits: false, error: refusal.message, ...misfit, findings }, () => lines);
}

/** What is refused is among the findings already. */
function note({ terminal }: Invocation, { code, message, details: { facts = [], next } }: AgentError): void {
  const more = code === 'content-refused' ? [] : facts.map((fact) => `  ${fact}`);
  const way = code === 'content-refused' && next !== undefined ? [next] : [];
  terminal.note([`sysext-agent: ${message}`, ...more, ...way].join('\n'));
}
