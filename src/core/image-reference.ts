import { parseMatchPattern, type MatchPattern } from './match-pattern.ts';
import { quote } from './yaml/text.ts';

/** Where a published image is. */
export type ImageReference = RegistryReference | AddressReference | DirectoryReference;

/** An image in an OCI registry: `oci://HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]`. */
export interface RegistryReference {
  readonly kind: 'oci';
  /** As it was written. */
  readonly text: string;
  /** `HOST[:PORT]` */
  readonly registry: string;
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest?: string;
}

/** A file, or a directory of files with its SHA256SUMS, on a web server: `https://HOST/DIRECTORY/`, `https://HOST/FILE`. */
export interface AddressReference extends Listed {
  readonly kind: 'https';
}

/** A directory of this host with its SHA256SUMS: `/DIRECTORY/`. */
export interface DirectoryReference extends Listed {
  readonly kind: 'directory';
}

interface Listed {
  /** As it was written. */
  readonly text: string;
  /** Which files of a directory are images: the usual names of the extension where nothing is said. */
  readonly match?: readonly MatchPattern[];
  /** The digest of the one file, in hexadecimal. */
  readonly sha256?: string;
}

type Parsed = { readonly value: ImageReference } | { readonly problem: string };

const longest = 2000;

/** Reads a reference. Whatever is no reference is a problem that says how to write one. */
export function parseImageReference(text: string): Parsed {
  if (text.length > longest) return { problem: `a reference has at most ${longest} characters` };
  if (/[\s\p{C}]/u.test(text)) return { problem: `${quote(text)}: no white space is allowed in a reference` };
  if (text.startsWith('oci://')) return parseRegistryReference(text);
  if (/^https?:\/\//.test(text)) return parseAddress(text);
  if (text.startsWith('/')) return parseDirectory(text);
  return { problem: `${quote(text)} begins with none of oci://, https:// and /` };
}

// The grammar of names, tags and digests is that of the OCI Distribution Specification.
const host = String.raw`(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?`;
const namePart = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const wholeName = new RegExp(`^${namePart}(?:/${namePart})*$`);
const wholeReference = new RegExp(String.raw`^oci://(${host})/([^:@]+)(?::([^@]*))?(?:@(.*))?$`);

function parseRegistryReference(text: string): Parsed {
  const [, registry, repository, tag, digest] = wholeReference.exec(text) ?? [];
  if (registry === undefined || repository === undefined) {
    return { problem: `${quote(text)}: expected oci://HOST/NAME, with :TAG or @sha256:DIGEST where it is one image` };
  }
  if (!wholeName.test(repository)) {
    return { problem: `${quote(repository)} is no name in a registry: a-z 0-9, and . _ - / between them` };
  }
  if (tag !== undefined && !/^\w[\w.-]{0,127}$/.test(tag)) {
    return { problem: `${quote(tag)} is no tag: letters, digits and . _ -, at most 128` };
  }
  if (digest !== undefined && !/^sha256:[0-9a-f]{64}$/.test(digest)) {
    return { problem: `${quote(digest)} is no digest: expected sha256: and 64 digits of 0-9 a-f` };
  }
  const parts = { ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
  return { value: { kind: 'oci', text, registry, repository, ...parts } };
}

function parseAddress(text: string): Parsed {
  const url = URL.parse(text);
  if (url === null || url.hostname === '') return { problem: `${quote(text)} is no address` };
  if (url.username !== '' || url.password !== '')
    return { problem: 'an address must not have a user or password in it' };
  if (url.hash !== '') return { problem: `an address has no part after #: leave out ${quote(url.hash)}` };
  if (!isText(url.pathname)) return { problem: `${quote(text)}: the % are wrong` };
  return { value: { kind: 'https', text } };
}

/** Whether what stands after each % makes text that can be shown. */
function isText(path: string): boolean {
  try {
    return !/\p{C}/u.test(decodeURIComponent(path));
  } catch {
    return false;
  }
}

function parseDirectory(text: string): Parsed {
  if (text.split('/').includes('..')) return { problem: `${quote(text)}: no .. is allowed in the path` };
  if (!text.endsWith('/')) return { problem: `${quote(text)}: a directory ends with /; a single file is an \`image\`` };
  return { value: { kind: 'directory', text } };
}

/** Whether an address is one of a directory, and not of a file in it. */
export function isDirectory(reference: AddressReference | DirectoryReference): boolean {
  return reference.kind === 'directory' || new URL(reference.text).pathname.endsWith('/');
}

/** Whether a reference names one image, and not all versions of one. */
export function isPinned(reference: ImageReference): boolean {
  if (reference.kind !== 'oci') return !isDirectory(reference);
  return reference.tag !== undefined || reference.digest !== undefined;
}

/**
 * The reference with what is written beside it: patterns for the files of a directory, the digest of a single file.
 * @param match as they were written.
 */
export function withDetails(
  reference: ImageReference,
  { match, sha256 }: { readonly match?: readonly string[] | undefined; readonly sha256?: string | undefined },
): Parsed {
  if (match === undefined && sha256 === undefined) return { value: reference };
  if (reference.kind === 'oci') return { problem: 'match and sha256 are for files: a registry has tags and digests' };
  if (match !== undefined && !isDirectory(reference)) return { problem: 'match is for a directory, which ends with /' };
  if (sha256 === undefined) return withPatterns(reference, match ?? []);
  if (isDirectory(reference)) return { problem: 'sha256 is for a single file: a directory has a SHA256SUMS' };
  if (!/^[0-9a-f]{64}$/.test(sha256)) return { problem: 'sha256 takes 64 digits of 0-9 a-f' };
  return { value: { ...reference, sha256 } };
}

function withPatterns(reference: AddressReference | DirectoryReference, texts: readonly string[]): Parsed {
  if (texts.length === 0) return { problem: 'match names no file: leave it out for the usual names' };
  const match: MatchPattern[] = [];
  for (const text of texts) {
    const parsed = parseMatchPattern(text);
    if ('problem' in parsed) return parsed;
    match.push(parsed.value);
  }
  return { value: { ...reference, match } };
}

/** A reference with its details in one line, for messages and to tell whether another one is meant. */
export function referenceText(reference: ImageReference): string {
  if (reference.kind === 'oci') return reference.text;
  const { text, match = [], sha256 } = reference;
  return [text, ...match.map((pattern) => pattern.text), ...(sha256 === undefined ? [] : [`sha256:${sha256}`])].join(
    ' ',
  );
}

/** Reads what referenceText() wrote. */
export function parseReferenceText(line: string): Parsed {
  const [text = '', ...details] = line.split(' ');
  const reference = parseImageReference(text);
  if ('problem' in reference) return reference;
  const digest = details.find((detail) => detail.startsWith('sha256:'))?.slice('sha256:'.length);
  const match = details.filter((detail) => !detail.startsWith('sha256:'));
  return withDetails(reference.value, { sha256: digest, match: match.length === 0 ? undefined : match });
}

/** Whether a reference gives the digest of its image: then that one is meant, however old. */
export function hasDigest(reference: ImageReference): boolean {
  return (reference.kind === 'oci' ? reference.digest : reference.sha256) !== undefined;
}
