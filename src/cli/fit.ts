import type { Agent } from '../agent/agent.ts';
import type { Candidate } from '../agent/candidate.ts';
import type { CheckedImage } from '../agent/daemon/api/api.ts';
import type { Fit, HostRelease, Misfit } from '../core/compatibility.ts';
import type { Judgement } from '../core/contents/allow.ts';
import type { Finding } from '../core/contents/finding.ts';
import { AgentError } from '../core/errors.ts';
import { ofThisHost } from '../core/verified-image.ts';

const reasons: Readonly<Record<Fit, string>> = {
  any: 'it says it is for any system (ID=_any)',
  rolling: 'this system has no version, and the ID is the same',
  match: 'the release fields are those of this system',
};

/** Whether a candidate may be merged on a host, and why in a clause. */
export interface Verdict {
  readonly fits: boolean;
  readonly why: string;
  /** What the rules about contents find. */
  readonly judgement: Judgement;
  /** What of its release fields does not fit, where that is so. */
  readonly misfit?: Misfit;
  /** Why it is refused, where it is. */
  readonly refusal?: AgentError;
}

/**
 * Judges a candidate as an installation would.
 * @param osRelease a file that describes another system than this one: nothing else is known of that.
 */
export async function judge(agent: Agent, candidate: Candidate, osRelease: string | undefined): Promise<Verdict> {
  const { admit, fitOf } = await import('../agent/candidate.ts');
  const { groundsElsewhere, groundsFor, judgeContents } = await import('../agent/contents.ts');
  const host = await hostFor(agent, osRelease);
  const grounds = osRelease === undefined ? await groundsFor(agent, [candidate]) : await groundsElsewhere(agent);
  const judgement = await judgeContents(candidate, grounds);
  const fit = fitOf(candidate, host);
  try {
    admit(candidate, host, judgement);
    return { fits: true, why: fit.fits ? reasons[fit.why] : fit.why.reason, judgement };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    const misfit = fit.fits ? {} : { misfit: fit.why };
    return { fits: false, why: fit.fits ? error.message : fit.why.reason, judgement, refusal: error, ...misfit };
  }
}

/** What the service tells of an image, for this host. @throws AgentError as readCandidate(). */
export async function checkImage(agent: Agent, path: string): Promise<CheckedImage> {
  const { readCandidate } = await import('../agent/candidate.ts');
  const { version: systemd } = await agent.tool.features();
  const candidate = await readCandidate({ ...ofThisHost(path), source: path }, systemd, agent.exec);
  const { fits, why, judgement } = await judge(agent, candidate, undefined);
  const { refused, allowed, told } = judgement;
  const row = (verdict: string, { rule, message }: Finding) => [rule, verdict, message] as const;
  const findings = [
    ...refused.map((finding) => row('refused', finding)),
    ...allowed.map(({ finding }) => row('allowed', finding)),
    ...told.map((finding) => row('told', finding)),
  ];
  return { name: candidate.name, version: candidate.version, fits, why, findings };
}

/** This host, or the system that a file describes. */
export async function hostFor(agent: Agent, osRelease: string | undefined): Promise<HostRelease> {
  const { describedSystem } = await import('../agent/described-system.ts');
  if (osRelease !== undefined) return describedSystem(agent, osRelease);
  const { readHostRelease } = await import('../systemd/host-release.ts');
  return readHostRelease(agent.root, (await agent.tool.features()).version);
}
