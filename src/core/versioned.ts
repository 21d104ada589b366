import { parseArchitecture } from './architecture.ts';
import { sysext, type ExtensionClass } from './extension-class.ts';
import { compareVersions } from './version-order.ts';

/** An entry of a `.v` directory; `kind` is what it leads to. */
export interface VersionedEntry {
  readonly entry: string;
  readonly kind: 'raw' | 'directory' | 'block';
}

/** An entry by the parts of its name: `NAME_VERSION[_ARCHITECTURE][+TRIESLEFT[-TRIESDONE]][SUFFIX]`. */
interface Pick extends VersionedEntry {
  readonly version: string;
  readonly isNative: boolean;
  readonly triesLeft: number;
  readonly triesDone: number;
}

/** The host as the choice of a version sees it. */
export interface VersionedHost {
  /** In systemd's spelling. */
  readonly architecture: string;
  readonly systemd: number;
  /** What is looked for; system extensions where left out. */
  readonly extensionClass?: ExtensionClass;
}

/**
 * Which entry of a `.v` directory systemd takes for the image (systemd.v(7)): of those that fit its name, one with tries
 * left rather than none, then the newest version, then one for this architecture.
 * @param directory the name of the `.v` directory.
 * @returns undefined where none is usable.
 */
export function pickVersion(
  directory: string,
  entries: readonly VersionedEntry[],
  host: VersionedHost,
): VersionedEntry | undefined {
  const { name, suffix } = nameParts(directory, host.extensionClass);
  const isWanted = ({ kind }: VersionedEntry) =>
    suffix.endsWith('.raw') ? kind !== 'directory' : kind === 'directory';
  const picks = entries.filter(isWanted).flatMap((entry) => parsePick(entry, name, suffix, host) ?? []);
  return picks.reduce<Pick | undefined>(
    (best, pick) => (best === undefined || comparePicks(pick, best) > 0 ? pick : best),
    undefined,
  );
}

/** The name of the image that a `.v` directory stands for, and what its entries end in. */
export function nameParts(
  directory: string,
  extensionClass: ExtensionClass = sysext,
): { readonly name: string; readonly suffix: string } {
  const stem = directory.replace(/\.v$/, '');
  const suffix = new RegExp(`(\\.${extensionClass.name})?(\\.raw)?$`).exec(stem)?.[0] ?? '';
  return { name: stem.slice(0, stem.length - suffix.length), suffix };
}

function parsePick(found: VersionedEntry, name: string, suffix: string, host: VersionedHost): Pick | undefined {
  const { entry } = found;
  if (!entry.startsWith(`${name}_`) || !entry.endsWith(suffix)) return undefined;
  const middle = entry.slice(name.length + 1, entry.length - suffix.length);
  const [, stem = middle, left, done] = /^(.*)\+(\d+)(?:-(\d+))?$/.exec(middle) ?? [];
  const cut = stem.lastIndexOf('_');
  const architecture = cut === -1 ? undefined : parseArchitecture(stem.slice(cut + 1));
  if (architecture !== undefined && architecture !== host.architecture) return undefined;
  const version = cut === -1 ? stem : stem.slice(0, cut);
  if (!isVersion(version, host.systemd)) return undefined;
  return {
    ...found,
    version,
    isNative: architecture !== undefined,
    triesLeft: left === undefined ? Infinity : Number(left),
    triesDone: Number(done ?? 0),
  };
}

/** Whether systemd takes a text for a version: its rules became those of UAPI.10 with 262. */
function isVersion(text: string, systemd: number): boolean {
  return (systemd >= 262 ? /^[A-Za-z0-9.~^-]+$/ : /^[A-Za-z0-9.,_+-]+$/).test(text);
}

function comparePicks(a: Pick, b: Pick): number {
  const order =
    Number(a.triesLeft > 0) - Number(b.triesLeft > 0) ||
    compareVersions(a.version, b.version) ||
    Number(a.isNative) - Number(b.isNative);
  if (order !== 0) return order;
  if (a.triesLeft !== b.triesLeft) return a.triesLeft > b.triesLeft ? 1 : -1;
  return b.triesDone - a.triesDone || (a.entry > b.entry ? 1 : -1);
}
