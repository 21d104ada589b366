import type { Architecture } from '../architecture.ts';
import { defaultDirectories, libraryDirectoryNames, multiarchTuple, platformName } from '../elf/directories.ts';
import type { ElfFacts } from '../elf/facts.ts';
import { followLinks } from '../links.ts';
import type { HostLibraries, LinkedImage } from './linked-image.ts';

/** A program or library that was found. */
export interface Found {
  /** The path it was found by, which `$ORIGIN` goes by. */
  readonly path: string;
  /** Where that leads. */
  readonly realPath: string;
  readonly facts: ElfFacts;
  readonly isInImage: boolean;
}

/** An object in the order of loading, with the one that asked for it. */
export interface Loaded extends Found {
  readonly loadedBy?: Loaded;
}

/** The dynamic loader as it will find files once the image lies over the host. */
export interface Loader {
  /** What is at a path now. */
  at(path: string): Found | undefined;
  /** What `name` leads to where `by` needs it (ld.so(8)); undefined where nothing fits. */
  find(name: string, by: Loaded): Found | undefined;
}

export function loaderOf(image: LinkedImage, host: HostLibraries): Loader {
  const at = remembered((path) => lookUp(image, host, path));
  const search = remembered((key) => {
    const [name = '', bits, machine, ...directories] = key.split('\0');
    const fits = ({ facts }: Found) => String(facts.bits) === bits && String(facts.machine) === machine;
    return firstIn(directories, host.capabilities, (path) => {
      const found = at(`${path}/${name}`);
      return found !== undefined && fits(found) ? found : undefined;
    });
  });
  const isMultiarch = (architecture: Architecture) =>
    at(`/lib/${multiarchTuple(architecture)}/libc.so.6`) !== undefined;
  const standard = (facts: ElfFacts): readonly string[] => [
    ...host.configured,
    ...(facts.architecture === undefined
      ? ['/lib', '/usr/lib']
      : defaultDirectories(facts.architecture, facts.bits, isMultiarch(facts.architecture))),
  ];
  return {
    at,
    find: (name, by) => {
      if (name.includes('/')) return at(expanded(name, by)[0] ?? name);
      const directories = [...searchPath(by), ...standard(by.facts)];
      return search([name, by.facts.bits, by.facts.machine, ...directories].join('\0'));
    },
  };
}

function remembered<T>(look: (key: string) => T): (key: string) => T {
  const known = new Map<string, { readonly value: T }>();
  return (key) => {
    const { value } = known.get(key) ?? { value: look(key) };
    known.set(key, { value });
    return value;
  };
}

function lookUp(image: LinkedImage, host: HostLibraries, path: string): Found | undefined {
  const isThere = (place: string): boolean => image.objects.has(place) || image.others.has(place);
  const inside = followLinks(path, (part) => {
    const place = `/${part}`;
    return image.links.get(place) ?? (isThere(place) ? undefined : host.linkTarget(place));
  });
  if (inside === undefined) return undefined;
  const realPath = `/${inside}`;
  const own = image.objects.get(realPath);
  const facts = own ?? (image.others.has(realPath) ? undefined : host.facts(realPath));
  return facts === undefined ? undefined : { path, realPath, facts, isInImage: own !== undefined };
}

function firstIn(
  directories: readonly string[],
  capabilities: readonly string[],
  look: (directory: string) => Found | undefined,
): Found | undefined {
  for (const directory of directories) {
    for (const place of [...capabilities.map((name) => `${directory}/${name}`), directory]) {
      const found = look(place);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** DT_RPATH of the object and of those that led to it, unless it has a DT_RUNPATH; then that. */
function searchPath(by: Loaded): readonly string[] {
  if (by.facts.runpath.length > 0) return directoriesOf(by.facts.runpath, by);
  const directories: string[] = [];
  for (let object: Loaded | undefined = by; object !== undefined; object = object.loadedBy) {
    if (object.facts.runpath.length === 0) directories.push(...directoriesOf(object.facts.rpath, object));
  }
  return directories;
}

/** What is relative depends on where a program is started: it is left out. */
function directoriesOf(path: readonly string[], object: Loaded): string[] {
  return path.flatMap((part) => expanded(part, object)).filter((directory) => directory.startsWith('/'));
}

/** The dynamic string tokens of ld.so(8) replaced. */
function expanded(text: string, { path, facts }: Loaded): string[] {
  const { architecture, bits } = facts;
  const origin = path.slice(0, path.lastIndexOf('/'));
  const platform = architecture === undefined ? '' : platformName(architecture);
  const plain = replaceToken(replaceToken(text, 'ORIGIN', origin), 'PLATFORM', platform);
  if (architecture === undefined || !/\$(LIB|\{LIB\})/.test(plain)) return [plain];
  return libraryDirectoryNames(architecture, bits).map((name) => replaceToken(plain, 'LIB', name));
}

function replaceToken(text: string, token: string, value: string): string {
  return text.replace(new RegExp(`\\$(?:\\{${token}\\}|${token}(?![A-Za-z0-9_]))`, 'g'), () => value);
}
