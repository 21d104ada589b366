import type { Generation, InstalledExtension } from './records.ts';

/** How long images of earlier generations are kept, so that one can be rolled back to. */
export interface RetentionPolicy {
  /** How many generations, the one in force counted. */
  readonly generations: number;
  /** How old a generation may be, in days. */
  readonly days: number;
  /** How much the images of all of them may take, in bytes. */
  readonly bytes: number;
}

export const defaultRetention: RetentionPolicy = { generations: 10, days: 90, bytes: 4 * 1024 ** 3 };

/**
 * Which generations keep their images: the one in force and what is needed always, and of the others the newest, as far
 * as count, age and space go. An image that several have counts once.
 * @param generations that are or were in force, newest first.
 * @param needed numbers of those that are needed whatever the policy says.
 */
export function retained(
  generations: readonly Generation[],
  needed: readonly number[],
  policy: RetentionPolicy,
  now: Date,
): Generation[] {
  const always = generations.filter(({ number, state }) => state === 'active' || needed.includes(number));
  const images = new Set(always.flatMap(({ extensions }) => extensions.map(({ sha256 }) => sha256)));
  let bytes = sizeOf(always.flatMap(({ extensions }) => extensions));
  let full = false;
  return generations.filter((generation, index) => {
    if (always.includes(generation)) return true;
    const more = generation.extensions.filter(({ sha256 }) => !images.has(sha256));
    const age = now.getTime() - generation.madeAt.getTime();
    full ||= index >= policy.generations || age > policy.days * day || bytes + sizeOf(more) > policy.bytes;
    if (full) return false;
    bytes += sizeOf(more);
    for (const { sha256 } of more) images.add(sha256);
    return true;
  });
}

const day = 86_400_000;

function sizeOf(extensions: readonly InstalledExtension[]): number {
  const sizes = new Map(extensions.map(({ sha256, size }) => [sha256, size]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
