import { requestsOfLook, type Signed } from './look.ts';
import { Traffic } from './traffic.ts';

export interface RegistryOptions {
  /** Places that each have a cache, where there are caches. */
  readonly sites: number;
  readonly imageBytes: number;
  /** How fast a host gets it, in bits a second. */
  readonly hostBits: number;
  readonly signed: Signed;
}

/** How long a look takes, in milliseconds: its requests come one after the other. */
const lookDuration = 1000;

/**
 * The registry that a fleet fetches from, twice at the same time: without caches, and with one that fetches what it is asked
 * for at each site. Neither is ever too slow: what is counted is what they would have to bear.
 */
export class Registry {
  readonly alone = new Traffic();
  readonly behindCaches = new Traffic();
  readonly caches: readonly Traffic[];
  readonly #options: RegistryOptions;
  /** Since when the caches have something. */
  readonly #kept = new Map<string, number>();

  constructor(options: RegistryOptions) {
    this.#options = options;
    this.caches = Array.from({ length: options.sites }, () => new Traffic());
  }

  /** A host looks for the newest image. @returns how long that takes, in milliseconds. */
  look(site: number, version: string, now: number): number {
    const { asked, besideMirror } = requestsOfLook[this.#options.signed];
    const all = asked.byTag + asked.byDigest + asked.referrers;
    this.alone.ask(now, all);
    this.caches[site]?.ask(now, all);
    const isKept = this.#isKept(`documents ${site} ${version}`, now, lookDuration);
    this.behindCaches.ask(now, besideMirror + asked.byTag + (isKept ? 0 : asked.byDigest));
    return lookDuration;
  }

  /** A host fetches an image. @returns how long that takes, in milliseconds. */
  fetch(site: number, version: string, now: number): number {
    const { imageBytes, hostBits } = this.#options;
    const duration = ((imageBytes * 8) / hostBits) * 1000;
    const isKept = this.#isKept(`image ${site} ${version}`, now, duration);
    for (const server of [this.alone, this.caches[site], ...(isKept ? [] : [this.behindCaches])]) {
      server?.ask(now, 1);
      server?.send(now, duration, imageBytes);
    }
    return duration;
  }

  /** Until a cache has something as a whole, it passes on what others ask for, as docker-registry does. */
  #isKept(what: string, now: number, duration: number): boolean {
    const since = this.#kept.get(what);
    if (since === undefined) this.#kept.set(what, now + duration);
    return since !== undefined && since <= now;
  }
}
