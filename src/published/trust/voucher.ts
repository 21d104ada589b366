declare const vouched: unique symbol;

/** That an image may be taken, and why. Only what verifies makes one: see trust.ts. */
export interface Voucher {
  readonly [vouched]: true;
  /** Who vouches, in words: `cosign key fleet.pub`, `OpenPGP key 0123...`, `the digest that was asked for`. */
  readonly by: string;
  /** Whether a signature was found good; else the digest was given, or this host takes unsigned images from there. */
  readonly signed: boolean;
  /** The bytes that are vouched for: the sha256 of the blob, in hexadecimal. */
  readonly sha256: string;
}
