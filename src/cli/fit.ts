import type { Candidate } from '../agent/candidate.ts';
import type { Fit, HostRelease } from '../core/compatibility.ts';
import { AgentError } from '../core/errors.ts';

const reasons: Readonly<Record<Fit, string>> = {
  any: 'it says it is for any system (ID=_any)',
  rolling: 'this system has no version, and the ID is the same',
  match: 'the release fields are those of this system',
};

/** Whether a candidate may be merged on a host, and why in a clause. */
export interface Verdict {
  readonly fits: boolean;
  readonly why: string;
  /** Why it is refused, where it is. */
  readonly refusal?: AgentError;
}

/**
 * Judges a candidate as an installation would.
 * @param root the directories of that system; left out of a host that is known by its os-release only, of which nothing
 * tells how its directories are laid out.
 */
export async function judge(candidate: Candidate, host: HostRelease, root: string | undefined): Promise<Verdict> {
  const { admit, fitOf } = await import('../agent/candidate.ts');
  const { refuseHiding } = await import('../agent/shape.ts');
  const fit = fitOf(candidate, host);
  try {
    admit(candidate, host);
    if (root !== undefined) refuseHiding(candidate, root);
    return { fits: true, why: fit.fits ? reasons[fit.why] : fit.why.reason };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { fits: false, why: fit.fits ? error.message : fit.why.reason, refusal: error };
  }
}
