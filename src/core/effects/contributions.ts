import type { ImageEntry } from '../image-entry.ts';
import type { ReleaseFields } from '../os-release.ts';
import { etcCopies, type EtcCopy } from './tmpfiles.ts';
import { isTemplate, isUnitName } from './unit-names.ts';
import { pulledIn, type Pulled } from './unit-text.ts';

/** A unit that another one pulls in, and by which file: a drop-in or a link, as a path below a directory of units. */
export interface Pull extends Pulled {
  readonly by: string;
  readonly file: string;
}

/** What an image brings that takes more than a merge to be in force, and more than an unmerge to be gone. */
export interface Contributions {
  /** Names of its unit files. */
  readonly units: readonly string[];
  readonly pulls: readonly Pull[];
  /** Whether the manager has to read its files again. */
  readonly reload: boolean;
  /** Names of its files in sysusers.d. */
  readonly sysusers: readonly string[];
  /** Names of its files in tmpfiles.d. */
  readonly tmpfiles: readonly string[];
  readonly copies: readonly EtcCopy[];
  readonly udevRules: boolean;
  readonly hwdb: boolean;
  /** Whether it has policy or services for the system's bus. */
  readonly bus: boolean;
  /** Directories with shared libraries, as absolute paths. */
  readonly libraryDirectories: readonly string[];
  /** Kernel versions that it has modules for. */
  readonly kernels: readonly string[];
  /** Units that its release file wants restarted, or reloaded where they can be. */
  readonly restart: readonly string[];
  readonly reloadOrRestart: readonly string[];
  /** What a process may have in use: programs and libraries, as absolute paths. */
  readonly programs: readonly string[];
}

export const noContributions: Contributions = {
  units: [],
  pulls: [],
  reload: false,
  sysusers: [],
  tmpfiles: [],
  copies: [],
  udevRules: false,
  hwdb: false,
  bus: false,
  libraryDirectories: [],
  kernels: [],
  restart: [],
  reloadOrRestart: [],
  programs: [],
};

const unitFile = /^usr\/(?:local\/)?lib\/systemd\/system\/([^/]+)$/;
const pullingFile = /^usr\/(?:local\/)?lib\/systemd\/system\/(([^/]+)\.(d|wants|requires|upholds)\/([^/]+))$/;
const managerFile = /^usr\/(?:local\/)?lib\/systemd\/(?:system(?:-generators)?\/|system\.conf\.d\/)/;
const settingFile = /^usr\/(?:local\/)?(?:lib\/(sysusers|tmpfiles)\.d)\/([A-Za-z0-9_@+:][A-Za-z0-9_@+:.-]*\.conf)$/;
const udevFile = /^usr\/(?:local\/)?lib\/udev\/rules\.d\/[^/]+\.rules$/;
const hwdbFile = /^usr\/(?:local\/)?lib\/udev\/hwdb\.d\/[^/]+\.hwdb$/;
const busFile = /^usr\/(?:local\/)?share\/dbus-1\/(?:system\.d\/[^/]+\.conf|system-services\/[^/]+\.service)$/;
const library = /^((?:usr|opt)\/.*)\/[^/]+\.so(?:\.[^/]*)?$/;
const kernelModule = /^usr\/lib\/modules\/([A-Za-z0-9][A-Za-z0-9._+~-]*)\/.+\.ko(?:\.[a-z0-9]+)?$/;

/** The files of an image whose text contributionsOf() has to know. */
export function textsWanted(entries: readonly ImageEntry[]): string[] {
  return entries
    .filter(({ path, kind }) => kind === 'file' && (settingFile.exec(path)?.[1] === 'tmpfiles' || isDropIn(path)))
    .map(({ path }) => path);
}

function isDropIn(path: string): boolean {
  const [, , , kind, name = ''] = pullingFile.exec(path) ?? [];
  return kind === 'd' && name.endsWith('.conf');
}

/**
 * What an image brings that systemd-sysext leaves undone.
 * @param texts of the files that textsWanted() names, as far as they can be read.
 * @param release the fields of the release file that counts for it.
 */
export function contributionsOf(
  entries: readonly ImageEntry[],
  texts: ReadonlyMap<string, string>,
  release: ReleaseFields,
): Contributions {
  const has = (pattern: RegExp) => entries.some(({ path, kind }) => kind !== 'directory' && pattern.test(path));
  const restart = unitList(release['EXTENSION_RESTART_UNITS']);
  const reloadOrRestart = unitList(release['EXTENSION_RELOAD_OR_RESTART_UNITS']);
  return {
    units: entries.flatMap(unitOf),
    pulls: entries.flatMap((entry) => pullsOf(entry, texts)),
    reload:
      has(managerFile) || isTrue(release['EXTENSION_RELOAD_MANAGER']) || restart.length + reloadOrRestart.length > 0,
    sysusers: settingNames(entries, 'sysusers'),
    tmpfiles: settingNames(entries, 'tmpfiles'),
    copies: etcCopies(tmpfilesTexts(texts), entries),
    udevRules: has(udevFile),
    hwdb: has(hwdbFile),
    bus: has(busFile),
    libraryDirectories: distinct(entries.flatMap(({ path }) => firstGroup(library, path))).map((path) => `/${path}`),
    kernels: distinct(entries.flatMap(({ path }) => firstGroup(kernelModule, path))),
    restart,
    reloadOrRestart: reloadOrRestart.filter((unit) => !restart.includes(unit)),
    programs: entries.filter(isProgram).map(({ path }) => `/${path}`),
  };
}

/** A link in the same directory is another name for a unit, not a unit. */
function unitOf({ path, kind, target = '' }: ImageEntry): string[] {
  const [name = ''] = firstGroup(unitFile, path);
  const isUnit = kind === 'file' || (kind === 'symlink' && target.includes('/') && target !== '/dev/null');
  return isUnit && isUnitName(name) ? [name] : [];
}

function pullsOf({ path, kind }: ImageEntry, texts: ReadonlyMap<string, string>): Pull[] {
  const [, file = '', by = '', how, name = ''] = pullingFile.exec(path) ?? [];
  if (!isUnitName(by) || how === undefined) return [];
  const pulled = how === 'd' ? pulledIn(texts.get(path) ?? '') : kind === 'symlink' ? linked(name, how) : [];
  return pulled
    .filter(({ unit }) => isUnitName(unit) && !isTemplate(unit))
    .map(({ unit, how: relation }) => ({ by, unit, how: relation, file }));
}

function linked(unit: string, how: string): Pulled[] {
  return how === 'upholds' || how === 'wants' || how === 'requires' ? [{ unit, how }] : [];
}

function settingNames(entries: readonly ImageEntry[], directory: 'sysusers' | 'tmpfiles'): string[] {
  return distinct(
    entries.flatMap(({ path }) => {
      const [, found, name = ''] = settingFile.exec(path) ?? [];
      return found === directory ? [name] : [];
    }),
  );
}

function tmpfilesTexts(texts: ReadonlyMap<string, string>): string[] {
  return [...texts].filter(([path]) => settingFile.exec(path)?.[1] === 'tmpfiles').map(([, text]) => text);
}

function isProgram({ path, kind, mode }: ImageEntry): boolean {
  return kind === 'file' && ((mode & 0o111) !== 0 || library.test(path)) && /^(?:usr|opt)\//.test(path);
}

function unitList(text = ''): string[] {
  return distinct(text.split(/\s+/).filter((unit) => isUnitName(unit) && !isTemplate(unit)));
}

/** As systemd reads a boolean (systemd.syntax(7)). */
function isTrue(text = ''): boolean {
  return /^(?:1|y|yes|t|true|on)$/i.test(text);
}

function firstGroup(pattern: RegExp, path: string): string[] {
  const [, group] = pattern.exec(path) ?? [];
  return group === undefined ? [] : [group];
}

function distinct(texts: readonly string[]): string[] {
  return [...new Set(texts)].sort();
}
