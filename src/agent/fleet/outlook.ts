import { isAgentError, type AgentError } from '../../core/errors.ts';
import { inParallel } from '../../core/parallel.ts';
import type { Agent } from '../agent.ts';
import type { InstalledExtension } from '../records.ts';
import type { Wish } from './configuration.ts';
import { upgradesNow } from './upgrade.ts';

/** What is published now for an extension, as far as that can be told without fetching it. */
export interface Newest {
  readonly version: string;
  readonly reference: string;
  /** The sha256 of what would be sent, in hexadecimal. */
  readonly blob: string;
  readonly passedOver: readonly { readonly version: string; readonly reason: string }[];
}

/** Looks for the newest image of a wish; undefined where that is only known once it is made. */
export type Look = (name: string, wish: Wish, signal?: AbortSignal) => Promise<Newest | undefined>;

/** What an upgrade would do about one extension. */
export type Outlook = { readonly name: string; readonly installed: string } & (
  | { readonly kind: 'newer' | 'same'; readonly newest: Newest }
  /** Its image is made anew, and only then it is known whether it is another one. */
  | { readonly kind: 'made-anew' }
  | { readonly kind: 'failed'; readonly error: AgentError }
);

export interface OutlookReport {
  readonly outlooks: readonly Outlook[];
  /** What stays as it is although it was asked for, and why, in sentences. */
  readonly left: readonly string[];
}

/** How many publishers are asked at the same time. */
const mostAsked = 8;

/**
 * Tells what an upgrade would find, by what publishers say. Nothing is fetched or changed.
 * @throws AgentError `no-such-extension`, `interrupted`
 */
export async function upgradeOutlook(
  agent: Agent,
  look: Look,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<OutlookReport> {
  const { installed, verdicts, left } = await upgradesNow(agent, names);
  const current = (name: string) => installed.find((extension) => extension.name === name);
  const outlooks = await inParallel(
    verdicts,
    mostAsked,
    ({ name, wish }, stop) => outlookOf(look, name, wish, current(name), stop),
    signal,
  );
  return { outlooks, left };
}

async function outlookOf(
  look: Look,
  name: string,
  wish: Wish,
  current: InstalledExtension | undefined,
  signal: AbortSignal,
): Promise<Outlook> {
  const about = { name, installed: current?.version ?? '' };
  try {
    const newest = await look(name, wish, signal);
    if (newest === undefined) return { ...about, kind: 'made-anew' };
    return { ...about, kind: newest.blob === current?.published?.blob ? 'same' : 'newer', newest };
  } catch (error) {
    if (!isAgentError(error) || isAgentError(error, 'interrupted')) throw error;
    return { ...about, kind: 'failed', error };
  }
}
