import type { ImageEntry } from '../image-entry.ts';
import { isIn, libraryNamed, programNamed } from './places.ts';
import { entryRule, watchRule, type PreparedContents, type Rule } from './rule.ts';

const leaveOut = 'Leave it out, or allow it where it is meant.';

const setuid = entryRule({
  id: 'setuid',
  severity: 'ask',
  because: 'whoever runs such a program has the rights of its owner or group',
  remedy: 'Take the setuid and setgid bits away, or allow it where they are meant.',
  concerns: () => (entry) => entry.kind === 'file' && (entry.mode & 0o6000) !== 0,
});

const fileCapabilities = entryRule({
  id: 'file-capabilities',
  severity: 'ask',
  because: 'whoever runs such a program has some of the rights of root',
  remedy: 'Take the capabilities away, or allow it where they are meant.',
  concerns: () => (entry) => entry.capability !== undefined,
});

const worldWritable = entryRule({
  id: 'world-writable',
  severity: 'ask',
  because: 'everyone may write there wherever /usr is not merged read-only',
  remedy: 'Build it with modes such as 0755 and 0644.',
  concerns: () => (entry) => entry.kind !== 'symlink' && (entry.mode & 0o002) !== 0 && !isSticky(entry),
});

function isSticky({ kind, mode }: ImageEntry): boolean {
  return kind === 'directory' && (mode & 0o1000) !== 0;
}

const owner = entryRule({
  id: 'owner',
  severity: 'ask',
  because: 'it does not belong to root, but to whoever has that number on this host',
  remedy: 'Build it with root as the owner of everything.',
  concerns: () => (entry) => entry.uid !== 0 || entry.gid !== 0,
});

const pamPlaces = isIn(['lib/pam.d', 'share/pam-configs'], ['pam.d', 'pam.conf', 'security']);

const pam = watchRule({
  id: 'pam',
  severity: 'ask',
  because: 'it changes who may log in, and runs whenever someone does',
  remedy: leaveOut,
  concerns: () => (entry) => pamPlaces(entry) || isPamModule(entry),
});

function isPamModule({ path }: ImageEntry): boolean {
  return /^usr\/lib(?:64)?\/(?:[^/]+-linux-[^/]+\/)?security\/[^/]+\.so$/.test(path);
}

const nssModule = libraryNamed(String.raw`libnss_[^/]+\.so[^/]*`);
const nssSettings = isIn([], ['nsswitch.conf']);

const nss = watchRule({
  id: 'nss',
  severity: 'ask',
  because: 'it says which users, groups and hosts there are, inside of every program that asks',
  remedy: leaveOut,
  concerns: () => (entry) => nssModule(entry.path) || nssSettings(entry),
});

interface PlaceRule {
  readonly id: string;
  readonly because: string;
  /** Below /usr and /usr/local. */
  readonly places: readonly string[];
  /** Below /etc. */
  readonly settings?: readonly string[];
}

function placeRule({ places, settings, ...rule }: PlaceRule): Rule {
  const concerns = isIn(places, settings);
  return watchRule({ ...rule, severity: 'ask', remedy: leaveOut, concerns: () => concerns });
}

const polkit = placeRule({
  id: 'polkit',
  because: 'it changes what users other than root may do',
  places: ['share/polkit-1', 'lib/polkit-1'],
  settings: ['polkit-1'],
});

const dbusPolicy = placeRule({
  id: 'dbus-policy',
  because: 'it changes who may talk to which service on the system bus',
  places: ['share/dbus-1/system.d', 'share/dbus-1/system.conf'],
  settings: ['dbus-1/system.d', 'dbus-1/system.conf', 'dbus-1/system-local.conf'],
});

const udevRules = placeRule({
  id: 'udev-rules',
  because: 'root runs them for every device that matches; those of the boot come before extensions are merged',
  places: ['lib/udev/rules.d'],
  settings: ['udev/rules.d'],
});

const generators = placeRule({
  id: 'generators',
  because: 'systemd runs them by itself: when it reads its units, sleeps or shuts down',
  places: [
    ...['system', 'user'].flatMap((kind) => [
      `lib/systemd/${kind}-generators`,
      `lib/systemd/${kind}-environment-generators`,
    ]),
    'lib/systemd/system-shutdown',
    'lib/systemd/system-sleep',
  ],
});

const sysctl = placeRule({
  id: 'sysctl',
  because: 'it changes settings of the kernel, for the whole host',
  places: ['lib/sysctl.d'],
  settings: ['sysctl.d', 'sysctl.conf'],
});

const kernelModules = placeRule({
  id: 'kernel-modules',
  because:
    'it is code of the kernel or says which is loaded; of two extensions with modules one hides the modules.dep of the other',
  places: ['lib/modules', 'lib/modules-load.d', 'lib/modprobe.d', 'lib/depmod.d'],
  settings: ['modules-load.d', 'modprobe.d', 'depmod.d', 'modules'],
});

const presets = placeRule({
  id: 'presets',
  because: 'it says which services of this host are enabled',
  places: ['system', 'user', 'initrd'].map((kind) => `lib/systemd/${kind}-preset`),
});

const environment = placeRule({
  id: 'environment',
  because: 'it changes the environment or the libraries of programs that are not its own',
  places: ['lib/environment.d', 'lib/ld.so.conf.d', 'lib/ld.so.preload'],
  settings: ['environment', 'environment.d', 'ld.so.conf', 'ld.so.conf.d', 'ld.so.preload'],
});

const credstore = placeRule({
  id: 'credstore',
  because: 'it gives credentials to services of this host',
  places: ['lib/credstore', 'lib/credstore.encrypted'],
});

const privilegedProgram = programNamed(
  'sudo|sudoedit|visudo|su|runuser|login|sulogin|nologin|passwd|chpasswd|unix_chkpwd|newgrp|sg|chsh|chfn|gpasswd|ssh|sshd|pkexec|doas|run0|agetty|getty|dbus-daemon|dbus-broker|dbus-broker-launch',
);
const sudoers = isIn([], ['sudoers', 'sudoers.d', 'doas.conf']);

const privilegedPrograms = watchRule({
  id: 'privileged-programs',
  severity: 'ask',
  because: 'through it people log in or become root',
  remedy: leaveOut,
  concerns: () => (entry) => privilegedProgram(entry.path) || sudoers(entry),
});

const dropIn = /^usr\/(?:local\/)?lib\/systemd\/(?:system|user)\/([^/]+)\.d\/([^/]+)\.conf$/;
const managerDropIn = /^usr\/(?:local\/)?lib\/systemd\/[^/]+\.conf\.d\/[^/]+\.conf$/;
const unitFile = /^usr\/(?:local\/)?lib\/systemd\/(?:system|user)\/([^/]+\.[a-z]+)$/;

const foreignDropIn = watchRule({
  id: 'foreign-drop-in',
  severity: 'ask',
  because: 'it changes units that are not its own',
  remedy: leaveOut,
  concerns: (contents) => {
    const units = unitsIn(contents);
    return ({ path }) => {
      const [, unit, name] = dropIn.exec(path) ?? [];
      if (unit === undefined || name === undefined) return managerDropIn.test(path);
      return !hasUnit(units, unit) && !startsOwnUnit(unit, name, contents.name, units);
    };
  },
});

function unitsIn({ watched }: PreparedContents): ReadonlySet<string> {
  return new Set(watched.flatMap(({ path }) => unitFile.exec(path)?.slice(1, 2) ?? []));
}

/** Whether the image has the unit, or the template of it. */
function hasUnit(units: ReadonlySet<string>, unit: string): boolean {
  return units.has(unit) || units.has(unit.replace(/@[^@]*(?=\.[a-z]+$)/, '@'));
}

/**
 * Whether a drop-in of a target is there to have a unit of the image started, by its name: `10-NAME-UNIT.conf` as Dalec
 * makes it, or `10-UNIT.conf`. What it can do is what a unit of the image could do as well.
 */
function startsOwnUnit(unit: string, dropInName: string, name: string, units: ReadonlySet<string>): boolean {
  if (!unit.endsWith('.target') || units.size === 0) return false;
  const rest = dropInName.replace(/^\d+-/, '');
  const started = rest.startsWith(`${name}-`) ? rest.slice(name.length + 1) : rest;
  return rest === name || [started, rest].some((own) => units.has(own) || units.has(`${own}.service`));
}

/** What is merged only where it is allowed. */
export const askingRules: readonly Rule[] = [
  setuid,
  fileCapabilities,
  worldWritable,
  owner,
  pam,
  nss,
  polkit,
  dbusPolicy,
  udevRules,
  generators,
  sysctl,
  kernelModules,
  foreignDropIn,
  presets,
  privilegedPrograms,
  environment,
  credstore,
];
