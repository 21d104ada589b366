import type { Architecture } from '../architecture.ts';
import type { ElfFacts } from '../elf/facts.ts';
import { compareVersions } from '../version-order.ts';
import type { Finding } from './finding.ts';
import type { HostLibraries, LinkedImage } from './linked-image.ts';
import { loaderOf, type Found, type Loaded, type Loader } from './loader.ts';

/** A library that programs or libraries of an image need and nobody has. */
export interface MissingLibrary {
  readonly library: string;
  readonly bits: 32 | 64;
  /** What needs it, absolute, sorted. */
  readonly paths: readonly string[];
}

/** What stands in the way of the programs of an image. */
export interface LinkProblems {
  readonly missing: readonly MissingLibrary[];
  /** All the others. */
  readonly findings: readonly Finding[];
}

/** What the programs and libraries of an image miss on a host, as findings. */
export function linkFindings(image: LinkedImage, host: HostLibraries): readonly Finding[] {
  const { missing, findings } = linkProblems(image, host);
  return [...missing.map((library) => missingLibraryFinding(library)), ...findings];
}

/** Says that a library is missing, and how to bring it. */
export function missingLibraryFinding(missing: MissingLibrary, providers: readonly string[] = []): Finding {
  const { library, paths } = missing;
  const [provider] = providers;
  return {
    rule: 'missing-library',
    severity: 'tell',
    paths,
    message: `${who(paths)} ${printable(library)}, which neither the image nor this host has`,
    remedy:
      provider === undefined
        ? 'Add the package that brings it to the image, or see that the host has it.'
        : `Add \`${provider}\` under \`dependencies.sysext\`, or build with --add-missing.`,
  };
}

/** Holds every program and library of an image against what it will find: in the image, and on the host below. */
export function linkProblems(image: LinkedImage, host: HostLibraries): LinkProblems {
  const loader = loaderOf(image, host);
  const report = new Report();
  const runnable = [...image.objects].filter(([, facts]) => runsOn(host.architecture, facts.architecture));
  const [programs, libraries] = partition(runnable, ([, { interpreter }]) => interpreter !== undefined);
  const reached = new Set<string>();
  for (const [path, facts] of programs) {
    if (facts.interpreter !== undefined && loader.at(facts.interpreter) === undefined)
      report.loader(facts.interpreter, path);
    load(own(path, facts), loader, report, reached, () => false);
  }
  const names = namesIn(image);
  for (const [path, facts] of libraries) {
    if (reached.has(path)) continue;
    // Who loads a plugin has loaded what it shares with it before.
    load(own(path, facts), loader, report, new Set(), (name) => names.has(name));
  }
  for (const [path, facts] of image.objects) {
    if (!runsOn(host.architecture, facts.architecture) && isForPath(path)) report.foreign(facts, path);
  }
  for (const [path, why] of image.damaged) report.damaged(path, why);
  return report.problems();
}

function own(path: string, facts: ElfFacts): Loaded {
  return { path, realPath: path, facts, isInImage: true };
}

function partition<T>(values: readonly T[], test: (value: T) => boolean): [T[], T[]] {
  return [values.filter(test), values.filter((value) => !test(value))];
}

/** An x86-64 kernel runs programs for x86 as well. */
function runsOn(host: Architecture, architecture: Architecture | undefined): boolean {
  return architecture === host || (host === 'x86-64' && architecture === 'x86');
}

/** Where a shell looks for programs: elsewhere there may be firmware and what cross compilers need. */
function isForPath(path: string): boolean {
  return /^\/(usr\/|usr\/local\/|opt\/[^/]+\/)s?bin\/[^/]+$/.test(path);
}

function namesIn(image: LinkedImage): ReadonlySet<string> {
  const names = [...image.objects].flatMap(([path, { soname }]) => [nameOf(path), soname ?? '']);
  return new Set([...names, ...[...image.links.keys()].map(nameOf)]);
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Loads an object and what it needs, breadth first as ld.so does: what is loaded already is found by its name. */
function load(
  root: Loaded,
  loader: Loader,
  report: Report,
  reached: Set<string>,
  isElsewhere: (name: string) => boolean,
): void {
  const byName = new Map<string, Found>();
  const queue = [root];
  const seen = new Set([root.realPath]);
  for (const object of queue) {
    reached.add(object.realPath);
    for (const name of object.facts.needed) {
      const found = byName.get(name) ?? loader.find(name, object);
      if (found === undefined) {
        if (!isElsewhere(name)) report.library(name, object);
        continue;
      }
      byName.set(name, found);
      if (found.facts.soname !== undefined) byName.set(found.facts.soname, found);
      if (!found.isInImage || seen.has(found.realPath)) continue;
      seen.add(found.realPath);
      queue.push({ ...found, loadedBy: object });
    }
    checkVersions(object, byName, report);
  }
}

function checkVersions(object: Loaded, byName: ReadonlyMap<string, Found>, report: Report): void {
  for (const { library, versions } of object.facts.neededVersions) {
    const found = byName.get(library);
    // The loader only warns where a library defines no versions at all.
    if (found === undefined || found.facts.definedVersions.length === 0) continue;
    const defined = new Set(found.facts.definedVersions);
    const lacking = newestByPrefix(versions.filter((version) => !defined.has(version)));
    for (const version of lacking.values()) report.version(version, library, found, object);
  }
}

/** `GLIBC_2.38` is of `GLIBC`. */
function prefixOf(version: string): string {
  return version.replace(/_?\d[\d.]*[a-z]?$/, '');
}

function newestByPrefix(versions: readonly string[]): ReadonlyMap<string, string> {
  const newest = new Map<string, string>();
  for (const version of versions) {
    const known = newest.get(prefixOf(version));
    if (known === undefined || compareVersions(version, known) > 0) newest.set(prefixOf(version), version);
  }
  return newest;
}

interface Noted {
  readonly paths: Set<string>;
  readonly finding: Omit<Finding, 'paths' | 'message'>;
  readonly say: (paths: readonly string[]) => string;
}

const update = 'Build the image from packages for the release of this host.';

/** Gathers what was found, so that each thing is said once with all paths it is about. */
class Report {
  readonly #libraries = new Map<string, { library: string; bits: 32 | 64; paths: Set<string> }>();
  readonly #notes = new Map<string, Noted>();

  library(library: string, { realPath, facts }: Loaded): void {
    const key = `${facts.bits} ${library}`;
    const known = this.#libraries.get(key) ?? { library, bits: facts.bits, paths: new Set() };
    known.paths.add(realPath);
    this.#libraries.set(key, known);
  }

  version(version: string, library: string, found: Found, object: Loaded): void {
    const best = newestByPrefix(found.facts.definedVersions).get(prefixOf(version));
    const has = best === undefined ? `has none of ${printable(prefixOf(version))}` : `has ${printable(best)} at most`;
    const owner = found.isInImage ? `that of the image, ${printable(found.realPath)},` : 'this host';
    const needs = `${printable(version)} of ${printable(library)}`;
    this.#note(`version ${version} ${library} ${found.realPath}`, object.realPath, {
      finding: { rule: 'symbol-version', severity: 'ask', remedy: update },
      say: (paths) => `${who(paths)} ${needs}, ${owner} ${has}`,
    });
  }

  loader(interpreter: string, path: string): void {
    this.#note(`loader ${interpreter}`, path, {
      finding: { rule: 'missing-loader', severity: 'ask', remedy: update },
      say: (paths) => `${who(paths)} the loader ${printable(interpreter)}, which neither the image nor this host has`,
    });
  }

  foreign({ architecture, machine }: ElfFacts, path: string): void {
    const kind = architecture ?? `machine ${machine} of ELF`;
    this.#note(`foreign ${kind}`, path, {
      finding: {
        rule: 'wrong-architecture',
        severity: 'ask',
        remedy: 'Build the image for the architecture of this host.',
      },
      say: (paths) => `${who(paths)} a CPU of ${kind}, which this host does not have`,
    });
  }

  damaged(path: string, why: string): void {
    this.#note(`damaged ${path}`, path, {
      finding: { rule: 'damaged-elf', severity: 'tell', remedy: 'Report this to who made the package.' },
      say: () => `${printable(path)} cannot be loaded: ${why}`,
    });
  }

  problems(): LinkProblems {
    const missing = [...this.#libraries.values()].map(({ library, bits, paths }) => ({
      library,
      bits,
      paths: sorted(paths),
    }));
    const findings = [...this.#notes.values()].map(({ paths, finding, say }) => ({
      ...finding,
      paths: sorted(paths),
      message: say(sorted(paths)),
    }));
    return { missing: missing.sort((a, b) => (a.library < b.library ? -1 : 1)), findings };
  }

  #note(key: string, path: string, note: Omit<Noted, 'paths'>): void {
    const noted = this.#notes.get(key) ?? { ...note, paths: new Set() };
    noted.paths.add(path);
    this.#notes.set(key, noted);
  }
}

function sorted(paths: Iterable<string>): string[] {
  return [...paths].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** Who needs something, as the beginning of a sentence. */
function who(paths: readonly string[]): string {
  const [first = '', second, ...more] = paths.map(printable);
  if (second === undefined) return `${first} needs`;
  return more.length === 0 ? `${first} and ${second} need` : `${first}, ${second} and ${more.length} more need`;
}

/** Names from an image: nothing in them moves a cursor or looks like our text. */
function printable(text: string): string {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}
