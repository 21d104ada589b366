/** Where an installed extension was fetched from, so that a newer one can be looked for, and who vouched for it. */
export interface PublishedRecord {
  /** The reference as it was asked for. */
  readonly from: string;
  /** The pattern of its files, where the reference is a directory. */
  readonly match?: string;
  /** The versions that were asked for, as a range; absent where any is. */
  readonly versions?: string;
  /** What trust is bound to: a repository, or a directory. */
  readonly place: string;
  /** The sha256 of what was sent, in hexadecimal; of a packed image another one than its own. */
  readonly blob: string;
  /** In words. */
  readonly vouchedBy: string;
}

/** The record as an extension has it: left out for what was not fetched. */
export function withPublished(published: PublishedRecord | undefined): { readonly published?: PublishedRecord } {
  return published === undefined ? {} : { published };
}

/** What was fetched; the index finds all versions that ever came from a place. */
export const publishedScript = `
  ALTER TABLE generation_extension ADD COLUMN published TEXT NOT NULL DEFAULT 'null';
  ALTER TABLE prefetched ADD COLUMN published TEXT NOT NULL DEFAULT 'null';
  CREATE INDEX published_version ON generation_extension (name, json_extract(published, '$.place'), version)
    WHERE published <> 'null';
`;
