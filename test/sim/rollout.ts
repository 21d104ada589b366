import type { ChangeOutcome } from './host.ts';

/** How it goes with a version on the hosts that are to have it. */
export interface Progress {
  readonly hosts: number;
  readonly ended: Readonly<Record<ChangeOutcome, number>>;
}

export type Verdict = 'go on' | 'wait' | 'stop';

/**
 * What a careful administrator makes of it, by the metrics of the hosts: the agent itself knows only its own host.
 * @param tolerance the share of hosts that may fail.
 */
export function verdictOn({ hosts, ended }: Progress, tolerance: number): Verdict {
  const failed = ended['rolled-back'] + ended.lost;
  if (failed > tolerance * hosts) return 'stop';
  return ended.well + failed >= hosts ? 'go on' : 'wait';
}

/** The wave of a host: by a hash, so that each has a mixture of all kinds of hosts, and the same ones next time. */
export function waveOf(bucket: number, shares: readonly number[]): number {
  let below = 0;
  const wave = shares.findIndex((share) => bucket < (below += share));
  if (wave < 0) throw new RangeError(`the waves ${shares.join(', ')} are not all hosts: together they make 100`);
  return wave;
}
