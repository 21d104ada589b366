import { parseArchitecture } from '../../core/architecture.ts';
import { isExtensionName } from '../../core/names.ts';
import { identifyImage } from '../../core/naming.ts';
import type { ReleaseFields } from '../../core/os-release.ts';
import type { Statement } from '../trust/claim.ts';
import type { Annotations } from './manifest.ts';

/** What an image, or a list of them, says of itself in its annotations. */
export interface Said extends Statement {
  readonly release?: ReleaseFields;
}

/** The names of our annotations begin so. */
const ours = 'io.github.sysextagent.sysext.';
const nameKey = `${ours}name`;
const versionKey = 'org.opencontainers.image.version';
export const titleKey = 'org.opencontainers.image.title';

/** The fields of an extension-release file that decide whether it fits, by the annotation that repeats each. */
const releaseKeys: readonly (readonly [key: string, field: string])[] = [
  ['id', 'ID'],
  ['version-id', 'VERSION_ID'],
  ['level', 'SYSEXT_LEVEL'],
  ['scope', 'SYSEXT_SCOPE'],
  ['architecture', 'ARCHITECTURE'],
];

/** An image as its annotations are to describe it. */
export interface Described {
  readonly name: string;
  readonly version: string;
  /** Of its extension-release file. */
  readonly release: ReleaseFields;
  /** The name of its file. */
  readonly title: string;
}

/** The annotations of an image that is published: whether it fits a host is told by them alone. */
export function annotationsOf({ name, version, release, title }: Described): Annotations {
  const fields = releaseKeys.flatMap(([key, field]): [string, string][] => {
    const value = release[field];
    return value === undefined ? [] : [[`${ours}${key}`, value]];
  });
  return new Map([[titleKey, title], [versionKey, version], [nameKey, name], ...fields]);
}

/** The annotations of the list of images for several architectures. */
export function annotationsOfAll({ name, version }: Pick<Described, 'name' | 'version'>): Annotations {
  return new Map([
    [titleKey, name],
    [versionKey, version],
    [nameKey, name],
  ]);
}

/**
 * Reads annotations, ours and those of others. What is not in the form that it should have is as good as not said.
 * @param expected the name that the extension has if the name of the file agrees.
 */
export function saidBy(annotations: Annotations, expected: string): Said {
  const release = releaseSaid(annotations);
  const name = nameSaid(annotations, expected);
  const version = versionSaid(annotations);
  const architecture = parseArchitecture(release?.['ARCHITECTURE'] ?? '');
  return {
    ...(name === undefined ? {} : { name }),
    ...(version === undefined ? {} : { version }),
    ...(architecture === undefined ? {} : { architecture }),
    ...(release === undefined ? {} : { release }),
  };
}

function nameSaid(annotations: Annotations, expected: string): string | undefined {
  const name = annotations.get(nameKey);
  if (name !== undefined) return isExtensionName(name) ? name : undefined;
  const stem = annotations.get(titleKey)?.replace(/(\.sysext)?\.raw(\.(zst|xz|gz))?$/, '');
  if (stem === undefined) return undefined;
  return identifyImage(stem, [`extension-release.${expected}`]).name === expected ? expected : undefined;
}

function versionSaid(annotations: Annotations): string | undefined {
  const version = annotations.get(versionKey);
  return version === undefined || version === '' || version.length > 128 ? undefined : withoutV(version);
}

function releaseSaid(annotations: Annotations): ReleaseFields | undefined {
  const fields = releaseKeys.flatMap(([key, field]): [string, string][] => {
    const value = annotations.get(`${ours}${key}`);
    return value === undefined ? [] : [[field, value]];
  });
  return fields.some(([field]) => field === 'ID') ? Object.fromEntries(fields) : undefined;
}

/** `v1.7` and `1.7` are the same version, as they are in the names of image files. */
export function withoutV(version: string): string {
  return version.startsWith('v') ? version.replace(/^v(?=\d)/, '') : version;
}
