import { sysext, type ExtensionClass } from './extension-class.ts';
import type { ReleaseFields } from './os-release.ts';
import type { SystemdVersion } from './systemd-version.ts';

/** The side of the host in the comparison. */
export interface HostRelease {
  /** Fields of /etc/os-release, else /usr/lib/os-release. */
  readonly fields: ReleaseFields;
  /** `initrd` while the initrd runs, `system` otherwise. */
  readonly scope: 'system' | 'initrd';
  /** The architecture of the running kernel in systemd's spelling, such as `x86-64`. */
  readonly architecture: string;
  readonly systemd: SystemdVersion;
  /** What reasons call it; `this host` where left out. */
  readonly title?: string;
}

/** Why an extension fits this host. */
export type Fit = 'any' | 'rolling' | 'match';

/** Why it does not: the field that differs, what the host asks for, and what the extension says. */
export interface Misfit {
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  /** The whole reason as a clause: "it is for ID=fedora, this host is ID=debian". */
  readonly reason: string;
}

export type Compatibility = { readonly fits: true; readonly why: Fit } | { readonly fits: false; readonly why: Misfit };

/** A rule answers with a verdict, or with undefined to leave it to the next rule. */
type Rule = (extension: ReleaseFields, host: HostRelease, extensionClass: ExtensionClass) => Compatibility | undefined;

/**
 * Whether systemd would merge an extension with these extension-release fields on this host, and why: the rules of
 * systemd's extension_release_validate() in its order, for the host's version of systemd. The first rule with a verdict
 * decides.
 * @param extension fields of the extension-release file; undefined where the image has none that counts.
 */
export function compatibility(
  extension: ReleaseFields | undefined,
  host: HostRelease,
  extensionClass: ExtensionClass = sysext,
): Compatibility {
  if (extension === undefined || Object.keys(extension).length === 0) return noReleaseData(extensionClass);
  for (const rule of rules) {
    const verdict = rule(extension, host, extensionClass);
    if (verdict !== undefined) return verdict;
  }
  return { fits: true, why: 'match' };
}

const rules: readonly Rule[] = [scope, architecture, operatingSystem, rollingRelease, level, version];

function noReleaseData({ releaseDirectory }: ExtensionClass): Compatibility {
  return misfit(
    'extension-release',
    `a file ${releaseDirectory}/extension-release.NAME`,
    'none',
    'it carries no extension-release file that counts for its name',
  );
}

function scope(
  extension: ReleaseFields,
  host: HostRelease,
  { scopeField: field }: ExtensionClass,
): Compatibility | undefined {
  if (host.systemd.major < 250) return undefined;
  const found = extension[field];
  const scopes = found === undefined ? ['system', 'portable'] : words(found);
  if (scopes.includes(host.scope)) return undefined;
  return misfit(
    field,
    host.scope,
    found ?? '',
    `it is for the scope ${quote(found)}, ${titleOf(host)} is ${host.scope}`,
  );
}

function architecture(extension: ReleaseFields, host: HostRelease): Compatibility | undefined {
  const found = value(extension, 'ARCHITECTURE');
  if (host.systemd.major < 252 || found === undefined || found === '_any' || found === host.architecture)
    return undefined;
  return misfit(
    'ARCHITECTURE',
    host.architecture,
    found,
    `it is for ${found}, ${titleOf(host)} is ${host.architecture}`,
  );
}

function operatingSystem(extension: ReleaseFields, host: HostRelease): Compatibility | undefined {
  const found = value(extension, 'ID');
  const id = host.fields['ID'] ?? '';
  if (found === undefined) return misfit('ID', id, '', `it names no ID, ${titleOf(host)} is ID=${id}`);
  if (found === '_any' && host.systemd.major >= 252) return { fits: true, why: 'any' };
  const like = host.systemd.matchesIdLike ? words(host.fields['ID_LIKE'] ?? '') : [];
  if (found === id || like.includes(found)) return undefined;
  const alike = like.length === 0 ? '' : ` (like ${like.join(', ')})`;
  const tooNew = found === '_any' ? '; ID=_any is understood from systemd 252 on' : '';
  return misfit(
    'ID',
    [id, ...like].join(' or '),
    found,
    `it is for ID=${found}, ${titleOf(host)} is ID=${id}${alike}${tooNew}`,
  );
}

/** A host without any version takes every version. */
function rollingRelease(
  _extension: ReleaseFields,
  host: HostRelease,
  { levelField }: ExtensionClass,
): Compatibility | undefined {
  const versioned = value(host.fields, 'VERSION_ID') ?? value(host.fields, levelField);
  return versioned === undefined ? { fits: true, why: 'rolling' } : undefined;
}

/** Where both sides name a level it decides alone, and VERSION_ID is not looked at. */
function level(
  extension: ReleaseFields,
  host: HostRelease,
  { levelField: field }: ExtensionClass,
): Compatibility | undefined {
  const [expected, found] = [value(host.fields, field), value(extension, field)];
  if (expected === undefined || found === undefined) return undefined;
  if (found === expected) return { fits: true, why: 'match' };
  return misfit(field, expected, found, `it is for ${field}=${found}, ${titleOf(host)} has ${field}=${expected}`);
}

/** Equality of strings, no order. A host that has only a level takes an extension that has none. */
function version(extension: ReleaseFields, host: HostRelease): Compatibility | undefined {
  const expected = value(host.fields, 'VERSION_ID');
  const found = value(extension, 'VERSION_ID');
  if (expected === undefined || found === expected) return undefined;
  if (found === undefined)
    return misfit('VERSION_ID', expected, '', `it names no VERSION_ID, ${titleOf(host)} has VERSION_ID=${expected}`);
  return misfit(
    'VERSION_ID',
    expected,
    found,
    `it is for VERSION_ID=${found}, ${titleOf(host)} has VERSION_ID=${expected}`,
  );
}

function titleOf({ title = 'this host' }: HostRelease): string {
  return title;
}

/** The value of a field; an empty value counts as none. */
function value(fields: ReleaseFields, name: string): string | undefined {
  return fields[name] === '' ? undefined : fields[name];
}

function words(text: string): string[] {
  return text.split(/[ \t\n\r]+/).filter((word) => word !== '');
}

function quote(text: string | undefined): string {
  return `"${text ?? ''}"`;
}

function misfit(field: string, expected: string, found: string, reason: string): Compatibility {
  return { fits: false, why: { field, expected, found, reason } };
}
