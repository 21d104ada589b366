import { AgentError } from '../../core/errors.ts';
import { compareVersions } from '../../core/version-order.ts';
import type { Claim } from './claim.ts';

/**
 * Refuses what is older than what the same place had before: an old image stays well signed when its holes are known. Not
 * for a claim that is pinned: who names the very bytes knows which version that is.
 * @param highest the highest version of the extension that ever came from the place, as far as it was asked for.
 * @throws AgentError `verification-failed`
 */
export function refuseDowngrade(claim: Claim, highest: string | undefined): void {
  const { place, name, version, pinned } = claim;
  if (pinned || highest === undefined || compareVersions(version, highest) >= 0) return;
  throw new AgentError(
    'verification-failed',
    `${name} ${version} is older than ${highest}, which ${place} had before`,
    {
      unverified: 'outdated',
      left: 'Nothing was fetched or changed.',
      next: 'Somebody may be offering an old version whose holes are known. Where the older one is meant, ask for it with --allow-downgrade, or by its digest.',
    },
  );
}
