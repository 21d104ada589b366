import type { Agent } from '../../agent/agent.ts';
import type { Candidate } from '../../agent/candidate.ts';
import type { HostRelease } from '../../core/compatibility.ts';
import type { Judgement } from '../../core/contents/allow.ts';
import type { Finding } from '../../core/contents/finding.ts';
import { AgentError, exitCodes } from '../../core/errors.ts';
import { parseReleaseFields } from '../../core/os-release.ts';
import { readText } from '../../host/files.ts';
import { common, type CommandSpec, type Invocation, type Options } from '../command.ts';
import { show } from '../output.ts';
import { agentFor } from '../invoker.ts';

const why = {
  any: 'it says it is for any system (ID=_any)',
  rolling: 'this system has no version, and the ID is the same',
  match: 'the release fields are those of this system',
} as const;

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
    const { admit, readCandidate } = await import('../../agent/candidate.ts');
    const { groundsElsewhere, groundsFor, judgeContents } = await import('../../agent/contents.ts');
    const { allowedByOption } = await import('../allowances.ts');
    const agent = await agentFor(options);
    const { version } = await agent.tool.features();
    const [path = ''] = args;
    const name = options.text('name');
    const allow = allowedByOption(options);
    const request = { path, source: path, allow, ...(name === undefined ? {} : { name }) };
    const candidate = await readCandidate(request, version, agent.exec);
    const host = await hostToCheck(agent, options);
    // Of a host that is known by its os-release only, nothing tells what is on it.
    const elsewhere = options.text('osRelease') !== undefined;
    const grounds = elsewhere ? await groundsElsewhere(agent) : await groundsFor(agent, [candidate]);
    const judgement = await judgeContents(candidate, grounds);
    const refusal = refusalOf(() => {
      admit(candidate, host, judgement);
    });
    await showVerdict(invocation, candidate, host, judgement, refusal);
    return refusal?.exitCode ?? exitCodes.ok;
  },
};

async function hostToCheck(agent: Agent, options: Options): Promise<HostRelease> {
  const { readHostRelease } = await import('../../systemd/host-release.ts');
  const { version } = await agent.tool.features();
  const here = readHostRelease(agent.root, version);
  const file = options.text('osRelease');
  return file === undefined ? here : { ...here, title: 'that system', fields: parseReleaseFields(readText(file)) };
}

function refusalOf(check: () => void): AgentError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof AgentError) return error;
    throw error;
  }
}

async function showVerdict(
  invocation: Invocation,
  candidate: Candidate,
  host: HostRelease,
  judgement: Judgement,
  refusal: AgentError | undefined,
): Promise<void> {
  const { fitOf } = await import('../../agent/candidate.ts');
  const { name, version } = candidate;
  const identity = { name, version: version === '' ? null : version };
  const findings = findingsJson(judgement);
  const title = `${name} ${version}`.trim();
  const fit = fitOf(candidate, host);
  const lines = findingLines(judgement);
  if (refusal === undefined) {
    const reason = fit.fits ? why[fit.why] : fit.why.reason;
    show(invocation, { ...identity, fits: true, why: reason, findings }, () => [`${title} fits: ${reason}`, ...lines]);
    return;
  }
  note(invocation, refusal);
  const misfit = fit.fits ? {} : { why: fit.why };
  show(invocation, { ...identity, fits: false, error: refusal.message, ...misfit, findings }, () => lines);
}

/** What is refused is among the findings already. */
function note({ terminal }: Invocation, { code, message, details: { facts = [], next } }: AgentError): void {
  const more = code === 'content-refused' ? [] : facts.map((fact) => `  ${fact}`);
  const way = code === 'content-refused' && next !== undefined ? [next] : [];
  terminal.note([`sysext-agent: ${message}`, ...more, ...way].join('\n'));
}

/** Every finding with what install would do about it. */
function findingsJson({ refused, allowed, told }: Judgement): object[] {
  return [
    ...refused.map((finding) => ({ ...finding, verdict: 'refused', allowedBy: null })),
    ...allowed.map(({ finding, by }) => ({ ...finding, verdict: 'allowed', allowedBy: by })),
    ...told.map((finding) => ({ ...finding, verdict: 'told', allowedBy: null })),
  ];
}

function findingLines({ refused, allowed, told }: Judgement): string[] {
  return [
    ...refused.flatMap((finding) => [`refused: ${textOf(finding)}`, `  ${finding.remedy}`]),
    ...allowed.map(({ finding, by }) => `allowed by ${by}: ${textOf(finding)}`),
    ...told.flatMap((finding) => [`note: ${textOf(finding)}`, `  ${finding.remedy}`]),
  ];
}

function textOf({ rule, message }: Finding): string {
  return `${rule}: ${message}`;
}
