declare const verified: unique symbol;

/**
 * An image that may come into the store: a path alone does not say that. One is made by the functions here alone, each for
 * one reason why an image is trusted.
 */
export interface VerifiedImage {
  readonly [verified]: true;
  /** Path of the raw image or directory. */
  readonly path: string;
  /** What it must be when it comes into the store, where that was vouched for: in hexadecimal. */
  readonly sha256?: string;
  /** Whether it lies in a directory of ours and is nobody else's: it need not be copied. */
  readonly isOurs?: true;
}

/** An image that was built here. */
export function builtHere(path: string): VerifiedImage {
  return { path } as VerifiedImage;
}

/** A file or directory of this host, where it was put by whoever names it: they vouch for it. */
export function ofThisHost(path: string): VerifiedImage {
  return { path } as VerifiedImage;
}

/** An image of the store. */
export function ofTheStore(path: string, sha256: string): VerifiedImage {
  return { path, sha256, isOurs: true } as VerifiedImage;
}

/**
 * A published image that was fetched, and found to be what is vouched for.
 * @param path in a directory of ours.
 * @param sha256 of the image itself, in hexadecimal.
 */
export function fetched(path: string, sha256: string): VerifiedImage {
  return { path, sha256, isOurs: true } as VerifiedImage;
}
