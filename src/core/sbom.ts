/** Lists of the packages in an image: written as SPDX 2.3 (spdx.github.io/spdx-spec/v2.3), read back from it. */

export interface ManifestPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture?: string;
  /** The source package, with its version where it differs: `jq (1.7-1)`. */
  readonly source?: string;
  readonly sha256?: string;
  readonly url?: string;
}

export interface Manifest {
  /** Of the extension. */
  readonly name: string;
  readonly version: string;
  /** The same for the same contents, and no other. */
  readonly uuid: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly packages: readonly ManifestPackage[];
}

/** Where manifests lie in an image: nothing but extensions of ours has anything there, each under its own name. */
export const manifestDirectory = 'usr/share/sysext-agent/manifests';
export const manifestSuffix = '.spdx.json';

export function manifestPath(name: string): string {
  return `${manifestDirectory}/${name}${manifestSuffix}`;
}

const documentId = 'SPDXRef-DOCUMENT';
const extensionId = 'SPDXRef-Extension';
const nowhere = 'NOASSERTION';

/** The manifest as an SPDX document in JSON: the same manifest gives the same bytes. */
export function spdxDocument({ name, version, uuid, created, packages }: Manifest): string {
  const ids = packages.map((pkg, index) => `SPDXRef-Package-${index + 1}-${pkg.name.replace(/[^A-Za-z0-9.-]/g, '-')}`);
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: documentId,
    name: `${name}-${version}`,
    documentNamespace: `urn:uuid:${uuid}`,
    creationInfo: {
      created: new Date(created * 1000).toISOString().replace('.000Z', 'Z'),
      creators: ['Tool: sysext-agent'],
    },
    documentDescribes: [extensionId],
    packages: [
      {
        SPDXID: extensionId,
        name,
        versionInfo: version,
        downloadLocation: nowhere,
        filesAnalyzed: false,
        primaryPackagePurpose: 'INSTALL',
      },
      ...packages.map((pkg, index) => describe(pkg, ids[index] ?? '')),
    ],
    relationships: [
      relation(documentId, 'DESCRIBES', extensionId),
      ...ids.map((id) => relation(extensionId, 'CONTAINS', id)),
    ],
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}

function describe({ name, version, architecture, source, sha256, url }: ManifestPackage, id: string): object {
  return {
    SPDXID: id,
    name,
    versionInfo: version,
    downloadLocation: publicAddress(url),
    filesAnalyzed: false,
    ...(sha256 === undefined ? {} : { checksums: [{ algorithm: 'SHA256', checksumValue: sha256 }] }),
    ...(source === undefined ? {} : { sourceInfo: `${sourcePrefix}${source}` }),
    ...(architecture === undefined ? {} : { comment: `${architecturePrefix}${architecture}` }),
  };
}

const sourcePrefix = 'source package: ';
const architecturePrefix = 'architecture: ';

function relation(from: string, type: string, to: string): object {
  return { spdxElementId: from, relationshipType: type, relatedSpdxElement: to };
}

/** An address that others can use, without user and password; what is no address of the web stays at home. */
function publicAddress(url: string | undefined): string {
  if (url === undefined || !URL.canParse(url)) return nowhere;
  const address = new URL(url);
  if (!/^https?:$/.test(address.protocol)) return nowhere;
  address.username = '';
  address.password = '';
  return address.href;
}

/** The packages that an SPDX document lists, itself not among them; undefined for a text that is no such document. */
export function parseSpdx(text: string): readonly ManifestPackage[] | undefined {
  const document = parseJson(text);
  if (!isRecord(document) || !Array.isArray(document['packages'])) return undefined;
  if (!String(textOf(document['spdxVersion'])).startsWith('SPDX-2.')) return undefined;
  const described = new Set<unknown>(Array.isArray(document['documentDescribes']) ? document['documentDescribes'] : []);
  return document['packages'].filter((pkg) => isRecord(pkg) && !described.has(pkg['SPDXID'])).flatMap(readPackage);
}

function readPackage(pkg: unknown): ManifestPackage[] {
  const fields = isRecord(pkg) ? pkg : {};
  const name = textOf(fields['name']);
  if (name === undefined) return [];
  const found = {
    architecture: after(architecturePrefix, textOf(fields['comment'])),
    source: after(sourcePrefix, textOf(fields['sourceInfo'])),
    sha256: sha256In(fields['checksums']),
    url: addressIn(textOf(fields['downloadLocation'])),
  };
  const known = Object.entries(found).filter(([, value]) => value !== undefined);
  return [{ name, version: textOf(fields['versionInfo']) ?? '', ...Object.fromEntries(known) }];
}

function after(prefix: string, text: string | undefined): string | undefined {
  return text?.startsWith(prefix) === true ? text.slice(prefix.length) : undefined;
}

function addressIn(text: string | undefined): string | undefined {
  return text === nowhere || text === 'NONE' ? undefined : text;
}

function sha256In(checksums: unknown): string | undefined {
  const all: readonly unknown[] = Array.isArray(checksums) ? checksums : [];
  const found = all.filter(isRecord).find(({ algorithm }) => algorithm === 'SHA256');
  return textOf(found?.['checksumValue']);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
