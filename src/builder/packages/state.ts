import type { Validators } from '../../host/http.ts';

/** What this host knows of one suite since it last asked, without having to verify anything again. */
export interface SuiteState {
  readonly uri: string;
  readonly suite: string;
  /** When the archive made the Release file that was verified. */
  readonly date: Date;
  readonly validUntil: Date | undefined;
  /** When the server was last asked whether there is a newer one. */
  readonly checkedAt: Date;
  readonly validators: Validators;
  /** Of the key files that it was verified with: other keys may not trust it. */
  readonly keysDigest: string;
  readonly signers: readonly string[];
  /** The databases with its packages, by the sha256 of the Packages file each was made of. */
  readonly indexes: readonly string[];
}

/** Version of the record; part of the file name. */
export const stateFormat = 1;

export function formatState(state: SuiteState): string {
  return `${JSON.stringify(state, null, 2)}\n`;
}

/** Reads a record back; undefined for what is none, as after a full disk: the cache is then filled anew. */
export function parseState(text: string): SuiteState | undefined {
  const record = parseObject(text);
  if (record === undefined) return undefined;
  const { uri, suite, keysDigest, validators } = record;
  const date = dateOf(record['date']);
  const checkedAt = dateOf(record['checkedAt']);
  const signers = stringsOf(record['signers']);
  const indexes = stringsOf(record['indexes']);
  if (typeof uri !== 'string' || typeof suite !== 'string' || typeof keysDigest !== 'string') return undefined;
  if (date === undefined || checkedAt === undefined || signers === undefined || indexes === undefined) return undefined;
  const validUntil = dateOf(record['validUntil']);
  if (validUntil === undefined && record['validUntil'] !== undefined) return undefined;
  return {
    uri,
    suite,
    date,
    validUntil,
    checkedAt,
    validators: validatorsOf(validators),
    keysDigest,
    signers,
    indexes,
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function dateOf(value: unknown): Date | undefined {
  if (typeof value !== 'string') return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function stringsOf(value: unknown): string[] | undefined {
  return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : undefined;
}

function validatorsOf(value: unknown): Validators {
  if (!isRecord(value)) return {};
  const { etag, lastModified } = value;
  return {
    ...(typeof etag === 'string' ? { etag } : {}),
    ...(typeof lastModified === 'string' ? { lastModified } : {}),
  };
}
