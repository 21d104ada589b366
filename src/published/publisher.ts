import type { Architecture } from '../core/architecture.ts';
import type { ReleaseFields } from '../core/os-release.ts';
import type { Compression } from '../host/unpack.ts';
import type { DownloadOptions, WantedFile } from '../host/http.ts';
import type { Voucher } from './trust/voucher.ts';

export type { Compression } from '../host/unpack.ts';

/** A place that publishes the images of an extension: a repository of a registry, or a directory of a web server. */
export interface Publisher {
  /** What trust is bound to: the reference without pattern, tag and digest. */
  readonly place: string;
  /**
   * The versions that it has, in no order; where the reference names one image, that one.
   * @throws AgentError `network`, `no-such-file`, `verification-failed` where the list itself must be signed and is not.
   */
  versions(signal?: AbortSignal): Promise<readonly PublishedVersion[]>;
  /** What it says of one of them, for the architecture of the one who asks, before a byte of the image is fetched. */
  describe(version: PublishedVersion, signal?: AbortSignal): Promise<Description>;
  /**
   * Finds out who vouches for an offer.
   * @throws AgentError `verification-failed` where nobody does whom this host trusts.
   */
  vouch(offer: Offer, signal?: AbortSignal): Promise<Voucher>;
  /** Fetches something that is sent for an offer, as `Http.download` does: to a file whose sha256 is the one that is wanted. */
  fetch(offer: Offer, file: WantedFile, options?: DownloadOptions): Promise<void>;
}

/** A version that a publisher lists. */
export interface PublishedVersion {
  readonly version: string;
  /** How the publisher itself calls it: a tag, or a file name. */
  readonly key: string;
}

export type Description =
  | { readonly kind: 'offer'; readonly offer: Offer }
  /** It is nothing for this host. @see reason in words, for the one who asks why not this one. */
  | { readonly kind: 'passed-over'; readonly reason: string };

/** An image as its publisher describes it: hints, until a voucher is there and its bytes are. */
export interface Offer {
  readonly version: PublishedVersion;
  /** Names exactly this image, for messages and the record: `oci://...@sha256:...`, or an address. */
  readonly reference: string;
  /** The extension that it says it fills. */
  readonly name?: string;
  /** Absent where it does not say, or is for all of them. */
  readonly architecture?: Architecture;
  /** What it says of the systems that it fits: the fields of its extension-release file. */
  readonly release?: ReleaseFields;
  readonly blob: Blob;
}

/** Bytes that a publisher sends. */
export interface Sent {
  /** Of the bytes as they are sent, in hexadecimal. */
  readonly sha256: string;
  /** In bytes, where the publisher says it. */
  readonly size?: number;
  readonly compression: Compression;
}

/** What a publisher sends for an image, and what is in it. */
export interface Blob extends Sent {
  /** An image, or an archive of its tree. */
  readonly form: 'raw' | 'tar';
  /**
   * Where the tree comes in several archives, each over those before it: these are what is sent, and the sha256 of the blob
   * is that of the manifest that names them.
   */
  readonly layers?: readonly Sent[];
}

/** All that is sent for a blob, each once. */
export function sentFor(blob: Blob): readonly Sent[] {
  return [...new Map((blob.layers ?? [blob]).map((sent) => [sent.sha256, sent])).values()];
}
