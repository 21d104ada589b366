import type { Architecture } from '../../core/architecture.ts';

/** What was asked for, which a signature must be about. */
export interface Claim {
  /** As `Publisher.place`: a key speaks for places. */
  readonly place: string;
  /** The extension that it is to fill. */
  readonly name: string;
  readonly version: string;
  readonly architecture?: Architecture;
  /** Whether the one who asked gave the digest of it. */
  readonly pinned: boolean;
}

/** What a signed document says of the image: where it says nothing, the signature is not about that. */
export interface Statement {
  readonly name?: string;
  readonly version?: string;
  readonly architecture?: Architecture;
}

/** A signature as it was found beside a manifest, not verified yet. */
export type ManifestSignature =
  /** The "simple signing" of cosign: a signed JSON document that names the digest of the manifest. */
  | { readonly kind: 'simple-signing'; readonly payload: Uint8Array; readonly signature: Uint8Array }
  /** A Sigstore bundle: JSON. */
  | { readonly kind: 'bundle'; readonly bytes: Uint8Array };
