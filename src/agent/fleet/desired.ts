import type { HealthCheck } from '../../core/health.ts';
import { withHealth } from '../../core/health.ts';
import { recordOf, type Coming } from '../arrivals.ts';
import { ownerOf, withOwner } from '../owner.ts';
import type { InstalledExtension } from '../records.ts';
import type { Wish } from './configuration.ts';
import type { FleetVerdict } from './decision.ts';
import type { OwnedExtension } from './owner.ts';

/** What is recorded, as the decision of the fleet wants to have it. */
export function owned(installed: readonly InstalledExtension[]): OwnedExtension[] {
  return installed.map((extension) => ({ ...extension, owner: ownerOf(extension) }));
}

/** The set that verdicts lead to. */
export interface WantedSet {
  readonly extensions: readonly InstalledExtension[];
  /** What comes, is replaced or goes. */
  readonly named: readonly string[];
}

/**
 * What should be installed: what is, changed as the fleet decided. Where the image that is wanted is not among those that
 * come, the extension stays as it is.
 */
export function wantedSet(
  installed: readonly InstalledExtension[],
  verdicts: readonly FleetVerdict[],
  coming: readonly Coming[],
  now: Date,
): WantedSet {
  const extensions = new Map(installed.map((extension) => [extension.name, extension]));
  const named: string[] = [];
  for (const verdict of verdicts) {
    const { name } = verdict;
    const current = extensions.get(name);
    const arrival = coming.find(({ candidate }) => candidate.name === name);
    if (verdict.action === 'remove' && extensions.delete(name)) named.push(name);
    if (verdict.action === 'keep' && current !== undefined) extensions.set(name, kept(current, verdict));
    if ((verdict.action === 'install' || verdict.action === 'replace') && arrival !== undefined) {
      extensions.set(name, { ...recordOf(arrival, now), ...withOwner(verdict.owner) });
      named.push(name);
    }
  }
  return { extensions: [...extensions.values()], named };
}

/** The same image, with what the drop-ins say of it now. */
function kept(
  { health = [], ...current }: InstalledExtension,
  { wish, owner }: Extract<FleetVerdict, { readonly action: 'keep' }>,
): InstalledExtension {
  const checks = wish === undefined ? health : [...health.filter(isOfSpec), ...wishedHealth(current.name, wish)];
  return { ...current, ...withHealth(checks), ...(owner === undefined ? {} : { owner }) };
}

/** What a drop-in says of the health of its extension. */
export function wishedHealth(extension: string, { health }: Wish): HealthCheck[] {
  return health.map((check) => ({ ...check, extension }));
}

/** Drop-ins are named by their paths. */
function isOfSpec({ by }: HealthCheck): boolean {
  return !by.startsWith('/');
}
