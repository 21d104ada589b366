import type { ReleaseFile } from '../../src/core/release-file.ts';

/** A host and an extension on it: what systemd-sysext makes of them is compared with what we say. */
export interface Pair {
  readonly title: string;
  readonly host: Readonly<Record<string, string>>;
  /** Name of the directory image; the release file's own name and attribute may differ from it. */
  readonly name: string;
  readonly releaseFiles: readonly (ReleaseFile & { readonly fields: Readonly<Record<string, string>> })[];
}

const hosts: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['versioned', { ID: 'alpha', VERSION_ID: '1' }],
  ['versioned and levelled', { ID: 'alpha', VERSION_ID: '1', SYSEXT_LEVEL: 'L' }],
  ['levelled only', { ID: 'alpha', SYSEXT_LEVEL: 'L' }],
  ['rolling', { ID: 'alpha' }],
  ['rolling with empty fields', { ID: 'alpha', VERSION_ID: '', SYSEXT_LEVEL: '' }],
  ['derived', { ID: 'beta', ID_LIKE: 'other alpha', VERSION_ID: '1' }],
  ['in an initrd by its files', { ID: 'alpha', VERSION_ID: '1', INITRD: 'yes' }],
];

const extensions: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['any', { ID: '_any' }],
  ['any of this architecture', { ID: '_any', ARCHITECTURE: 'x86-64' }],
  ['any of another architecture', { ID: '_any', ARCHITECTURE: 's390x' }],
  ['any of any architecture', { ID: '_any', ARCHITECTURE: '_any' }],
  ['same version', { ID: 'alpha', VERSION_ID: '1' }],
  ['another version', { ID: 'alpha', VERSION_ID: '2' }],
  ['no version', { ID: 'alpha' }],
  ['same level, another version', { ID: 'alpha', VERSION_ID: '2', SYSEXT_LEVEL: 'L' }],
  ['another level, same version', { ID: 'alpha', VERSION_ID: '1', SYSEXT_LEVEL: 'M' }],
  ['another system', { ID: 'gamma', VERSION_ID: '1' }],
  ['no ID', { VERSION_ID: '1' }],
  ['for an initrd', { ID: '_any', SYSEXT_SCOPE: 'initrd' }],
  ['for no scope', { ID: '_any', SYSEXT_SCOPE: '' }],
  ['for several scopes', { ID: '_any', SYSEXT_SCOPE: 'portable system initrd' }],
];

const anyFields = { ID: '_any' };
const alpha = { ID: 'alpha', VERSION_ID: '1' };

function release(name: string, more: Partial<ReleaseFile> = {}) {
  return { name: `extension-release.${name}`, regular: true, fields: anyFields, ...more };
}

const named: readonly Pair[] = [
  ['no release file', 'e', []],
  ['another name', 'e', [release('f')]],
  ['another name with strict=0', 'e', [release('f', { strict: '0' })]],
  ['another name with strict=false', 'e', [release('f', { strict: 'false' })]],
  ['another name with strict=1', 'e', [release('f', { strict: '1' })]],
  ['another name with strict=what', 'e', [release('f', { strict: 'what' })]],
  ['two other names with strict=0', 'e', [release('f', { strict: '0' }), release('g', { strict: '0' })]],
  ['its name beside another with strict=0', 'e', [release('e'), release('f', { strict: '0' })]],
  ['its name with strict=1', 'e', [release('e', { strict: '1' })]],
  ['the base name', 'e_1.2', [release('e')]],
  ['the base name before a plus', 'e+3', [release('e')]],
  ['the same base', 'e_1.2', [release('e_1.1')]],
  ['a name with a version', 'e-1.2', [release('e-1.2')]],
  ['a hidden name', '.e', [release('.e')]],
].map(([title, name, releaseFiles]) => ({ title, host: alpha, name, releaseFiles }) as Pair);

/** Every host with every extension, and the ways a release file can be named. */
export const pairs: readonly Pair[] = [
  ...hosts.flatMap(([hostTitle, host]) =>
    extensions.map(([title, fields]) => ({
      title: `${hostTitle} host, extension for ${title}`,
      host,
      name: 'e',
      releaseFiles: [{ name: 'extension-release.e', regular: true, fields }],
    })),
  ),
  ...named,
];
