import type { LinkedImage } from '../core/contents/linked-image.ts';
import { loaderOf, type Found, type Loaded, type Loader } from '../core/contents/loader.ts';
import type { ElfFacts } from '../core/elf/facts.ts';
import { openWindow } from '../host/content.ts';
import { fileStatus, linkStatus } from '../host/files.ts';
import { hostLibraries } from './host-libraries.ts';

/** What a host does not come up without, or nobody gets into it. Each only where the host has it. */
export const essentialPrograms = [
  '/usr/lib/systemd/systemd',
  '/usr/lib/systemd/systemd-executor',
  '/usr/lib/systemd/systemd-udevd',
  '/usr/bin/dbus-daemon',
  '/usr/bin/login',
  '/usr/bin/mount',
  '/usr/bin/sh',
  '/usr/bin/systemctl',
  '/usr/bin/systemd-sysext',
  '/usr/sbin/agetty',
  '/usr/sbin/sshd',
] as const;

/**
 * Which programs start now and would not any more, in words, where a prepared tree took the place of what is merged.
 * Nothing is executed: it is looked at what they need.
 * @param root the directory that has the tree at `usr` and `opt`.
 */
export function brokenPrograms(root: string, programs: readonly string[]): string[] {
  const [now, then] = [treeOf((path) => path), treeOf((path) => placeIn(root, path))];
  if (now === undefined || then === undefined || fileStatus(placeIn(root, '/usr')) === undefined) return [];
  return [...new Set(programs)].flatMap((path) => {
    const problems = problemsOf(then, path);
    if (problems.length === 0 || linkStatus(path) === undefined) return [];
    const old = problemsOf(now, path);
    return problems.filter((problem) => !old.includes(problem));
  });
}

/** Only what is merged is in the prepared tree; everything else stays as it is. */
function placeIn(root: string, path: string): string {
  const [, hierarchy = ''] = path.split('/');
  const isPrepared = ['usr', 'opt'].includes(hierarchy) && fileStatus(`${root}/${hierarchy}`) !== undefined;
  return isPrepared ? `${root}${path}` : path;
}

interface Tree {
  readonly loader: Loader;
  readonly place: (path: string) => string;
}

function treeOf(place: (path: string) => string): Tree | undefined {
  const host = hostLibraries('/', { place });
  return host && { loader: loaderOf(nothing, host), place };
}

const nothing: LinkedImage = { objects: new Map(), damaged: new Map(), links: new Map(), others: new Set() };

/** What keeps a program from starting, in words. */
function problemsOf({ loader, place }: Tree, path: string): string[] {
  const found = loader.at(path);
  if (found !== undefined) return linkProblems(loader, found).map((problem) => `${path} ${problem}`);
  if (fileStatus(place(path))?.isFile() !== true) return [`${path} is not there`];
  const begin = beginOf(place(path));
  const interpreter = /^#![ \t]*(\/[^\s]+)/.exec(begin)?.[1];
  if (interpreter === undefined) return begin.startsWith('\x7fELF') ? [] : [`${path} is no program`];
  const isThere = loader.at(interpreter) !== undefined || fileStatus(place(interpreter)) !== undefined;
  return isThere ? [] : [`${path} is a script for ${interpreter}, which is not there`];
}

/** As ld.so(8) loads it: every library that it needs, and all that those need. */
function linkProblems(loader: Loader, program: Found): string[] {
  const { interpreter } = program.facts;
  const ldso = interpreter === undefined ? undefined : loader.at(interpreter);
  if (interpreter !== undefined && ldso === undefined) return [`needs the loader ${interpreter}, which is not there`];
  const queue: Loaded[] = [program];
  // The loader itself is loaded already.
  const byName = new Map<string, Found | undefined>(ldso === undefined ? [] : [[ldso.facts.soname ?? '', ldso]]);
  for (const object of queue) {
    for (const name of object.facts.needed.filter((needed) => !byName.has(needed))) {
      const library = loader.find(name, object);
      byName.set(name, library);
      if (library !== undefined) queue.push({ ...library, loadedBy: object });
    }
  }
  const missing = [...byName].flatMap(([name, library]) =>
    library === undefined ? [`needs ${name}, which is not there`] : [],
  );
  return [...new Set([...missing, ...queue.flatMap(({ facts }) => lackingVersions(facts, byName))])];
}

function lackingVersions({ neededVersions }: ElfFacts, byName: ReadonlyMap<string, Found | undefined>): string[] {
  return neededVersions.flatMap(({ library, versions }) => {
    const defined = byName.get(library)?.facts.definedVersions ?? [];
    // The loader only warns where a library defines no versions at all.
    const lacking = defined.length === 0 ? [] : versions.filter((version) => !defined.includes(version));
    return lacking.map((version) => `needs ${version} of ${library}, which does not have it`);
  });
}

/** The longest line that the kernel reads of a script, in bytes (execve(2)). */
const longestLine = 256;

function beginOf(path: string): string {
  using window = openWindow(path, longestLine);
  return window.read(0, Math.min(longestLine, window.size)).toString('latin1');
}
