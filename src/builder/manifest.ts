import { manifestPath, spdxDocument, type ManifestPackage } from '../core/sbom.ts';
import type { FileNode } from '../core/tree.ts';
import { sha256 } from '../host/digest.ts';
import { uuidOf } from './image/uuid.ts';
import type { SelectedPackage } from './packages/packages.ts';

/** What a build says of what is in its image. */
export interface BuildManifest {
  /** The extension's name and the version and revision of its spec. */
  readonly name: string;
  readonly version: string;
  readonly packages: readonly SelectedPackage[];
}

/** The manifest as text; `timestamp` is that of all that the build adds. */
export function manifestText({ name, version, packages }: BuildManifest, timestamp: number): string {
  const digests = packages.map((pkg) => [pkg.name, pkg.version, pkg.sha256]);
  const uuid = uuidOf(sha256(JSON.stringify(['manifest', name, version, timestamp, digests])));
  return spdxDocument({ name, version, uuid, created: timestamp, packages: packages.map(described) });
}

/** Without the address it was fetched from: another mirror must give the same bytes. */
function described({ name, version, architecture, source, sha256: digest }: SelectedPackage): ManifestPackage {
  return { name, version, architecture, sha256: digest, ...(source === undefined ? {} : { source }) };
}

/** The file that tells in an image of this name which packages are in it. */
export function manifestFile(name: string, text: string, mtime: number): FileNode {
  return {
    kind: 'file',
    path: manifestPath(name),
    mode: 0o644,
    mtime,
    content: { kind: 'bytes', bytes: Buffer.from(text) },
  };
}
