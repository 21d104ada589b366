/** The requests of a host that looks for the newest image of one extension, and for who vouches for it. */
export interface LookRequests {
  /** What it asks its registry, or the mirror of that. A cache asks for what is named by a tag each time, and keeps the rest. */
  readonly asked: { readonly byTag: number; readonly byDigest: number; readonly referrers: number };
  /** What it asks the registry itself although it has a mirror: that lacks something, and so may the registry. */
  readonly besideMirror: number;
}

/**
 * By what is signed of an index with one image for each architecture, in a registry without the referrers API. A unit test
 * counts them.
 */
export const requestsOfLook = {
  index: { asked: { byTag: 6, byDigest: 4, referrers: 2 }, besideMirror: 1 },
  all: { asked: { byTag: 6, byDigest: 5, referrers: 2 }, besideMirror: 0 },
} as const satisfies Record<string, LookRequests>;

export type Signed = keyof typeof requestsOfLook;
