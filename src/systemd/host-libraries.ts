import { parseArchitecture } from '../core/architecture.ts';
import type { HostLibraries } from '../core/contents/linked-image.ts';
import type { ElfFacts } from '../core/elf/facts.ts';
import { readElfFile } from '../host/elf-file.ts';
import { fileStatus, linkStatus, listNames, readTextIfAny } from '../host/files.ts';
import { belowRoot, linkTarget } from '../host/root.ts';
import { hostArchitecture } from './host-release.ts';

export interface HostLibrariesOptions {
  /** Absolute paths that do not count: what an extension brings that is about to be replaced. */
  readonly ignored?: (path: string) => boolean;
  /** Where a path of the host is looked at; below the root unless it is given. */
  readonly place?: (path: string) => string;
}

/**
 * What the loader finds below `root`, read when it is asked for. Undefined where the root has no directory of
 * libraries: nothing is known of a system that is not there.
 */
export function hostLibraries(
  root: string,
  { ignored = () => false, place = (path) => (root === '/' ? path : `${root}${path}`) }: HostLibrariesOptions = {},
): HostLibraries | undefined {
  const architecture = parseArchitecture(hostArchitecture());
  if (architecture === undefined || fileStatus(belowRoot(root, '/usr/lib')) === undefined) return undefined;
  const statusOf = statusFinder(place);
  return {
    architecture,
    configured: configuredDirectories(root),
    capabilities: architecture === 'x86-64' ? capabilitiesOf(readTextIfAny('/proc/cpuinfo') ?? '') : [],
    linkTarget: remembered((path) =>
      !ignored(path) && statusOf(path)?.isSymbolicLink() === true ? linkTarget(place(path)) : undefined,
    ),
    facts: remembered((path) =>
      !ignored(path) && statusOf(path)?.isFile() === true ? factsAt(place(path)) : undefined,
    ),
  };
}

type Status = ReturnType<typeof linkStatus>;

/** What is at paths, looked at once. In a directory that is not there, and most that a loader tries are not, nothing is. */
function statusFinder(place: (path: string) => string): (path: string) => Status {
  const statusOf: (path: string) => Status = remembered((path) => {
    const directory = path.slice(0, path.lastIndexOf('/'));
    return directory !== '' && statusOf(directory)?.isDirectory() !== true ? undefined : linkStatus(place(path));
  });
  return statusOf;
}

function remembered<T>(look: (path: string) => T | undefined): (path: string) => T | undefined {
  const known = new Map<string, T | undefined>();
  return (path) => {
    if (!known.has(path)) known.set(path, look(path));
    return known.get(path);
  };
}

function factsAt(path: string): ElfFacts | undefined {
  const reading = readElfFile(path);
  return reading.kind === 'object' ? reading.facts : undefined;
}

/** As many files as a configuration includes, and as deep, before it is taken for one that includes itself. */
const mostFiles = 256;

/** The directories of /etc/ld.so.conf and of the files it includes (ldconfig(8)). */
export function configuredDirectories(root: string): readonly string[] {
  const directories: string[] = [];
  const pending = ['/etc/ld.so.conf'];
  const seen = new Set<string>();
  for (let file = pending.shift(); file !== undefined && seen.size < mostFiles; file = pending.shift()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const line of (readTextIfAny(belowRoot(root, file)) ?? '').split('\n')) {
      const text = line.replace(/#.*/, '').trim();
      const [, pattern] = /^include\s+(\S+)$/.exec(text) ?? [];
      if (pattern !== undefined) pending.push(...matches(root, absolute(pattern, file)));
      else if (text.startsWith('/')) directories.push(text.replace(/\/+$/, ''));
    }
  }
  return directories;
}

function absolute(pattern: string, file: string): string {
  return pattern.startsWith('/') ? pattern : `${file.slice(0, file.lastIndexOf('/'))}/${pattern}`;
}

/** The files that a pattern stands for; only its last part may have signs of a pattern in it. */
function matches(root: string, pattern: string): string[] {
  const slash = pattern.lastIndexOf('/');
  const directory = pattern.slice(0, slash);
  const wanted = new RegExp(
    `^${pattern
      .slice(slash + 1)
      .split('*')
      .map(asPlainText)
      .join('[^/]*')}$`,
  );
  return listNames(belowRoot(root, directory))
    .filter((name) => wanted.test(name) && !name.startsWith('.'))
    .map((name) => `${directory}/${name}`);
}

function asPlainText(text: string): string {
  return text.replace(/[\\^$.+?()[\]{}|]/g, '\\$&');
}

/** What a CPU must say of itself for each level of the x86-64 psABI, beyond the level below. */
const levels = [
  ['glibc-hwcaps/x86-64-v2', ['cx16', 'lahf_lm', 'popcnt', 'sse4_1', 'sse4_2', 'ssse3']],
  ['glibc-hwcaps/x86-64-v3', ['avx', 'avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe', 'xsave']],
  ['glibc-hwcaps/x86-64-v4', ['avx512f', 'avx512bw', 'avx512cd', 'avx512dq', 'avx512vl']],
] as const;

function capabilitiesOf(cpuinfo: string): readonly string[] {
  const flags = new Set((/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1] ?? '').split(' '));
  const firstLacking = levels.findIndex(([, wanted]) => wanted.some((flag) => !flags.has(flag)));
  const had = firstLacking === -1 ? levels : levels.slice(0, firstLacking);
  return had.map(([directory]) => directory).reverse();
}
