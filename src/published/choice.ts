import { compatibility, type HostRelease } from '../core/compatibility.ts';
import { AgentError } from '../core/errors.ts';
import { newestFirst } from '../core/version-order.ts';
import { isInRange, type VersionRange } from '../core/version-range.ts';
import type { Offer, PublishedVersion, Publisher } from './publisher.ts';

/** What an image is looked for by. */
export interface Wanted {
  /** The extension that it is to fill, where that is known before. */
  readonly name?: string;
  readonly range?: VersionRange;
  /** The system that it must fit. */
  readonly host: HostRelease;
  /** Why an image must not come that is of this sha256, as a clause; of what is packed it is not known before. */
  readonly denied?: (sha256: string) => string | undefined;
}

/** The newest image that fits, and why newer ones do not. */
export interface Choice {
  readonly offer: Offer;
  readonly passedOver: readonly PassedOver[];
}

export interface PassedOver {
  readonly version: string;
  /** As a clause: `it is for arm64`. */
  readonly reason: string;
}

/** How many versions are looked at: a publisher could have thousands for other systems. */
const mostDescribed = 100;

/**
 * Chooses the newest version that is wanted and fits, by what the publisher says of its images: none of them is fetched.
 * @throws AgentError `unsatisfiable` where there is no version that is wanted, `incompatible` where none of those fits, with
 * the reasons; and what the publisher throws.
 */
export async function choose(publisher: Publisher, wanted: Wanted, signal?: AbortSignal): Promise<Choice> {
  const all = await publisher.versions(signal);
  const eligible = all.filter(({ version }) => wanted.range === undefined || isInRange(version, wanted.range));
  if (eligible.length === 0) throw nothingWanted(publisher, all, wanted);
  const passedOver: PassedOver[] = [];
  for (const version of newestFirst(eligible, ({ version }) => version).take(mostDescribed)) {
    const judged = await look(publisher, version, wanted, signal);
    if (typeof judged !== 'string') return { offer: judged, passedOver };
    passedOver.push({ version: version.version, reason: judged });
  }
  throw nothingFits(publisher, eligible.length, passedOver);
}

/** The offer, or why it is none for this host. */
async function look(
  publisher: Publisher,
  version: PublishedVersion,
  wanted: Wanted,
  signal: AbortSignal | undefined,
): Promise<Offer | string> {
  const description = await publisher.describe(version, signal);
  if (description.kind === 'passed-over') return description.reason;
  const { offer } = description;
  return misfit(offer, wanted) ?? wanted.denied?.(offer.blob.sha256) ?? offer;
}

/** Why an offer is none for this host, by what is said of it. */
export function misfit({ name, architecture, release }: Offer, wanted: Wanted): string | undefined {
  if (name !== undefined && wanted.name !== undefined && name !== wanted.name) return `it is the extension ${name}`;
  if (architecture !== undefined && architecture !== wanted.host.architecture) return `it is for ${architecture}`;
  if (release === undefined) return undefined;
  const fit = compatibility(release, wanted.host);
  return fit.fits ? undefined : fit.why.reason;
}

function nothingWanted(publisher: Publisher, all: readonly PublishedVersion[], { range }: Wanted): AgentError {
  if (all.length === 0) return new AgentError('unsatisfiable', `${publisher.place} has no versions`);
  const newest = newestFirst(all, ({ version }) => version)
    .take(5)
    .toArray();
  return new AgentError('unsatisfiable', `${publisher.place} has no version in ${range?.text ?? ''}`, {
    facts: [`it has: ${newest.map(({ version }) => version).join(', ')}${all.length > newest.length ? ', ...' : ''}`],
  });
}

const mostShown = 10;

function nothingFits(publisher: Publisher, eligible: number, passedOver: readonly PassedOver[]): AgentError {
  const shown = passedOver.slice(0, mostShown).map(({ version, reason }) => `${version}: ${reason}`);
  const rest = passedOver.length - shown.length;
  const notLookedAt = eligible - passedOver.length;
  return new AgentError('incompatible', `${publisher.place} has no version that fits this host`, {
    facts: [
      ...shown,
      ...(rest > 0 ? [`and ${rest} more`] : []),
      ...(notLookedAt > 0 ? [`${notLookedAt} older versions were not looked at`] : []),
    ],
    next: 'A range of versions, such as ">=1.2 <2", says which ones may be taken.',
  });
}
