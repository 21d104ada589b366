import { AgentError } from '../../core/errors.ts';
import { compareVersions } from '../../core/version-order.ts';
import type { Claim } from './claim.ts';

/** The highest version of an extension that came from a place. */
export interface SeenVersion {
  readonly place: string;
  readonly name: string;
  readonly version: string;
}

/** The highest version that came from the place of a claim, of its extension; undefined where none did. */
export function highestSeen(seen: readonly SeenVersion[], claim: Pick<Claim, 'place' | 'name'>): string | undefined {
  return seen.find(({ place, name }) => place === claim.place && name === claim.name)?.version;
}

/** The record after what was claimed was taken; the same one where that changes nothing. */
export function withSeen(seen: readonly SeenVersion[], { place, name, version }: Claim): readonly SeenVersion[] {
  const highest = highestSeen(seen, { place, name });
  if (highest !== undefined && compareVersions(version, highest) <= 0) return seen;
  return [...seen.filter((one) => one.place !== place || one.name !== name), { place, name, version }];
}

/**
 * Refuses what is older than what the same place had before: an old image stays well signed when its holes are known. Not
 * for a claim that is pinned: who names the very bytes knows which version that is.
 * @throws AgentError `verification-failed`
 */
export function refuseDowngrade(claim: Claim, highest: string | undefined): void {
  const { place, name, version, pinned } = claim;
  if (pinned || highest === undefined || compareVersions(version, highest) >= 0) return;
  throw new AgentError(
    'verification-failed',
    `${name} ${version} is older than ${highest}, which ${place} had before`,
    {
      left: 'Nothing was fetched or changed.',
      next: 'Somebody may be offering an old version whose holes are known. Where the older one is meant, ask for it with --allow-downgrade, or by its digest.',
    },
  );
}
