import { quote } from './yaml/text.ts';

/** Where a published image is. */
export type ImageReference = RegistryReference | AddressReference;

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

/** A file, or a directory of files, on a web server. */
export interface AddressReference {
  readonly kind: 'https';
  /** As it was written. */
  readonly text: string;
}

type Parsed = { readonly value: ImageReference } | { readonly problem: string };

const longest = 2000;

/** Reads a reference. Whatever is no reference is a problem that says how to write one. */
export function parseImageReference(text: string): Parsed {
  if (text.length > longest) return { problem: `a reference has at most ${longest} characters` };
  if (/[\s\p{C}]/u.test(text)) return { problem: `${quote(text)}: no white space is allowed in a reference` };
  if (text.startsWith('oci://')) return parseRegistryReference(text);
  if (text.startsWith('https://')) return parseAddress(text);
  if (text.startsWith('http://')) return { problem: 'what comes by http:// could have been changed: use https://' };
  return { problem: `${quote(text)} begins with neither oci:// nor https://` };
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
  return { value: { kind: 'https', text } };
}

/** Whether a reference names one image, and not all versions of one. */
export function isPinned(reference: ImageReference): boolean {
  return reference.kind === 'oci' && (reference.tag !== undefined || reference.digest !== undefined);
}
