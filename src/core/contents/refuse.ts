import type { ImageEntry } from '../image-entry.ts';
import { followLinks } from '../links.ts';
import { baseName } from '../names.ts';
import { isMerged, type HostEntry, type ImageContents, type Surroundings } from './contents.ts';
import { isIn, libraryNamed, programNamed } from './places.ts';
import { entryRule, finding, shownPath, watchRule, type Rule } from './rule.ts';

const osRelease = 'usr/lib/os-release';

const operatingSystem: Rule = {
  id: 'os-release',
  severity: 'refuse',
  allowable: false,
  find: ({ entries }) => {
    const targets = new Map(entries.flatMap(({ path, target }) => (target === undefined ? [] : [[path, target]])));
    const place = followLinks(osRelease, (path) => targets.get(path));
    const paths = entries.some(({ path }) => path === place) ? [osRelease] : [];
    return finding(
      operatingSystem,
      paths,
      (named) => `${named}: an image with this file is an operating system, no extension`,
      'Build it without that file.',
    );
  },
};

const nothingToMerge: Rule = {
  id: 'nothing-to-merge',
  severity: 'refuse',
  allowable: false,
  find: ({ entries }) =>
    entries.some(({ path }) => isMerged(path))
      ? []
      : [
          {
            rule: 'nothing-to-merge',
            severity: 'refuse',
            paths: [],
            message: 'it has nothing in /usr or /opt: there would be nothing to merge',
            remedy: 'Build it with its files below /usr or /opt.',
          },
        ],
};

const libraryOfC = libraryNamed(
  String.raw`(?:libc|libm|libmvec|libpthread|libdl|librt|libresolv|libutil|libanl)(?:\.so\.\d+|-\d[\d.]*\.so)|ld-[^/]*\.so[^/]*|ld(?:64)?\.so\.\d+|ld-musl-[^/]+|libc\.musl-[^/]+`,
);

const hostLibc = watchRule({
  id: 'host-libc',
  severity: 'refuse',
  because: 'every program of this host would run with this C library or loader in place of its own',
  remedy: 'Build it without the C library, or keep a copy of its own in a directory such as /usr/lib/NAME.',
  concerns:
    (_contents, { hostEntry }) =>
    ({ path }) =>
      libraryOfC(path) && isSearched(parentOf(path), hostEntry),
});

/** A directory for one architecture concerns only hosts that have it; the others are searched everywhere. */
function isSearched(directory: string, hostEntry: Surroundings['hostEntry']): boolean {
  const isHostKnown = hostEntry('usr') !== undefined;
  return !directory.includes('-linux-') || !isHostKnown || hostEntry(directory) !== undefined;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

const systemdProgram = programNamed('systemd-[^/]+|systemctl|journalctl|loginctl|busctl|udevadm|init|telinit');

const systemd = watchRule({
  id: 'systemd',
  severity: 'refuse',
  because: 'they are parts of systemd, which would run as another version than the one that was booted',
  remedy: 'Build it without the packages of systemd.',
  concerns:
    () =>
    ({ path }) =>
      systemdProgram(path) ||
      /^usr\/lib\/systemd\/(?:systemd[^/]*|libsystemd-[^/]+\.so)$/.test(path) ||
      /^usr\/lib(?:64)?\/(?:[^/]+-linux-[^/]+\/)?systemd\/libsystemd-[^/]+\.so$/.test(path),
});

const directoryOverLink: Rule = {
  id: 'directory-over-link',
  severity: 'refuse',
  allowable: false,
  find: ({ entries }, { hostEntry }) => {
    const hiding = entries.flatMap((entry) => {
      const host = isHierarchy(entry.path) && !isDocumentation(entry.path) ? hostEntry(entry.path) : undefined;
      return host !== undefined && hides(entry, host) ? [{ entry, host }] : [];
    });
    const [first] = hiding;
    if (first === undefined) return [];
    return finding(
      directoryOverLink,
      hiding.map(({ entry }) => entry.path),
      (named) => `${named}: it would hide what this host has there: ${clash(first.entry, first.host)}`,
      'Build it with the same kind of entry there as the system has.',
    );
  },
};

function isHierarchy(path: string): boolean {
  return path === 'usr' || path === 'opt' || isMerged(path);
}

/** Packages of one system have there a directory, of another a link; nothing runs from there. */
function isDocumentation(path: string): boolean {
  return path.startsWith('usr/share/doc/');
}

/**
 * A link or file over a directory (`/usr/lib`), or a directory over a link (`/usr/sbin` where it is `bin`): merged,
 * either leaves the host without its programs at once. So does a link with another target right below /usr.
 */
function hides({ path, kind, target }: ImageEntry, host: HostEntry): boolean {
  if (host.kind === 'directory') return kind !== 'directory';
  if (host.kind !== 'symlink') return false;
  if (kind === 'directory') return true;
  const isTop = /^usr\/[^/]+$/.test(path);
  return isTop && leadsTo(target) !== leadsTo(host.target);
}

function leadsTo(target = ''): string {
  return target.replace(/^(?:\.\/|\/?usr\/|\.\.\/usr\/)/, '').replace(/\/$/, '');
}

function clash({ path, kind }: ImageEntry, host: HostEntry): string {
  const other = kind === host.kind ? 'one that leads elsewhere' : article(host.kind);
  return `${shownPath(`/${path}`)} is ${article(kind)} in it, and ${other} on this host`;
}

function article(kind: string): string {
  return `a ${kind}`;
}

const releaseFile = /^usr\/lib\/extension-release\.d\/extension-release\.([^/]+)$/;

const foreignRelease = watchRule({
  id: 'foreign-release',
  severity: 'refuse',
  allowable: false,
  because: 'it would speak for another extension',
  remedy: 'Build it with the extension-release file of its own name alone.',
  concerns:
    (contents) =>
    ({ path, target }) => {
      const [, name] = releaseFile.exec(path) ?? [];
      if (name === undefined || isOwn(name, contents)) return false;
      const [, linked] = /^extension-release\.([^/]+)$/.exec(target ?? '') ?? [];
      return linked === undefined || !isOwn(linked, contents);
    },
});

function isOwn(name: string, contents: ImageContents): boolean {
  return contents.releaseNames.includes(name) || baseName(name) === baseName(contents.name);
}

const devices: ReadonlySet<ImageEntry['kind']> = new Set(['character-device', 'block-device', 'fifo', 'socket']);

const device = entryRule({
  id: 'device',
  severity: 'refuse',
  allowable: false,
  because: 'no extension needs devices, fifos and sockets, and some of them delete files of the host in a merge',
  remedy: 'Build it without them: services make what they need in /run.',
  concerns:
    () =>
    ({ kind }) =>
      devices.has(kind),
});

const overlayAttribute = entryRule({
  id: 'overlay-attribute',
  severity: 'refuse',
  allowable: false,
  because: 'by its attributes trusted.overlay.* it hides or moves files of the host in a merge, whole directories too',
  remedy: 'Build it without these attributes: they are of a layer of a container, not of its files.',
  concerns:
    () =>
    ({ overlay }) =>
      overlay === true,
});

const ownProgram = programNamed('sysext-agent[^/]*');
const ownDirectory = isIn(['lib/sysext-agent', 'libexec/sysext-agent']);

const ownFiles = watchRule({
  id: 'own-files',
  severity: 'refuse',
  allowable: false,
  because: 'they would change sysext-agent itself and what it trusts',
  remedy: 'Install sysext-agent from its own package.',
  concerns: () => (entry) =>
    ownProgram(entry.path) ||
    ownDirectory(entry) ||
    /^usr\/(?:local\/)?lib\/systemd\/system\/sysext-agent[^/]*$/.test(entry.path),
});

/** What is never merged, unless it may be allowed and is. */
export const refusingRules: readonly Rule[] = [
  operatingSystem,
  nothingToMerge,
  directoryOverLink,
  device,
  overlayAttribute,
  foreignRelease,
  ownFiles,
  hostLibc,
  systemd,
];
