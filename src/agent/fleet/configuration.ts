import type { Allowance } from '../../core/contents/allow.ts';
import type { HealthCheck } from '../../core/health.ts';
import { placeOf, type Located, type Position, type Problem } from '../../core/problems.ts';
import type { VersionRange } from '../../core/version-range.ts';
import { inOrder } from '../../core/yaml/document.ts';
import {
  checkedDropIns,
  type CheckedDropIn,
  type CheckedDropIns,
  type DropInRules,
} from '../../host/checked-drop-ins.ts';
import { combined, isAbsent, problemsOfEntry } from './combine.ts';
import { fleetDirectories } from '../configuration-directories.ts';
import { decodeDropIn, mentionedIn } from './drop-in-decoder.ts';
import type { ExtensionSource, FleetEntry } from './drop-in.ts';

export const dropInNames = { suffix: '.yml', mistaken: '.yaml' } as const;

/** What the drop-ins of a host say. */
export interface FleetConfiguration {
  /** Every extension that a drop-in is about, ascending by name. */
  readonly extensions: readonly FleetExtension[];
  /** The names of the files that count. */
  readonly files: readonly string[];
  /** The names of files that are there and cannot be used. */
  readonly broken: readonly string[];
  /** Everything wrong, file by file. */
  readonly problems: readonly Problem[];
  /** Whether the files of every directory are known. */
  readonly complete: boolean;
  /** Whether any of the directories is there. */
  readonly anyDirectory: boolean;
  /** The texts of the files by their paths, to show lines of them. */
  readonly texts: ReadonlyMap<string, string>;
}

export interface FleetExtension {
  readonly name: string;
  /** What all drop-ins together say. */
  readonly said: FleetEntry;
  /** What each of them says, in their order; those before one that begins anew do not count. */
  readonly layers: readonly FleetLayer[];
  readonly meaning: Meaning;
}

/** What is to become of an extension. */
export type Meaning =
  | { readonly kind: 'wanted'; readonly wish: Wish }
  /** `by` is the place that says so. */
  | { readonly kind: 'absent'; readonly by: Position }
  /** It stays as it is until the problems are solved. */
  | { readonly kind: 'unclear'; readonly why: string };

export interface FleetLayer {
  /** The name of the drop-in. */
  readonly file: string;
  readonly name: Located<string>;
  readonly entry: FleetEntry;
}

/** An extension that this host should have. */
export interface Wish {
  readonly source: ExtensionSource;
  readonly version?: VersionRange;
  readonly target?: string;
  readonly args: Readonly<Record<string, string>>;
  readonly allow: readonly Allowance[];
  readonly health: readonly HealthCheck[];
  /** Whether it keeps the image that it has. */
  readonly hold: boolean;
}

/** Reads the drop-ins of the fleet. Nothing is thrown: each problem stops only what it is about. */
export function readFleet(root: string): FleetConfiguration {
  return fleetConfiguration(checkedDropIns(fleetDirectories, fleetRules(root)));
}

/** The rules for drop-ins that decide what root merges. */
export function fleetRules(root: string): DropInRules {
  return { ...dropInNames, root, trusted: true };
}

/**
 * What drop-ins say that were read.
 * @param partial whether there may be others, so that no fault is found with what these lack.
 */
export function fleetConfiguration(
  { dropIns, closed, anyDirectory }: CheckedDropIns,
  partial = false,
): FleetConfiguration {
  const readings = dropIns.map(readDropIn);
  const broken = readings.filter(({ problems }) => problems.length > 0);
  // What a file says that cannot be read may be what the others lack.
  const extensions = extensionsOf(readings, partial || broken.some(({ mentions }) => mentions.length === 0));
  return {
    extensions: extensions.map(({ extension }) => extension),
    files: readings.filter(({ problems, counts }) => counts && problems.length === 0).map(({ name }) => name),
    broken: broken.map(({ name }) => name),
    problems: [
      ...closed.map(({ path, why }) => wholeFile(path, why)),
      ...broken.flatMap(({ problems }) => problems),
      ...extensions.flatMap(({ problems }) => problems),
    ],
    complete: closed.length === 0,
    anyDirectory,
    texts: new Map(readings.map(({ path, text }) => [path, text])),
  };
}

/** One drop-in, read as far as it can be. */
interface Reading {
  readonly name: string;
  readonly path: string;
  readonly text: string;
  /** Whether it is none that masks others. */
  readonly counts: boolean;
  readonly layers: readonly FleetLayer[];
  readonly problems: readonly Problem[];
  /** What it is about where it has problems. */
  readonly mentions: readonly string[];
}

function readDropIn(found: CheckedDropIn): Reading {
  const { name, path } = found;
  const nothing = { name, path, text: '', counts: found.kind !== 'mask', layers: [], problems: [], mentions: [] };
  if (found.kind === 'mask') return nothing;
  if (found.kind === 'refused') return { ...nothing, problems: [wholeFile(path, found.why)] };
  const { text } = found;
  const decoded = decodeDropIn(text, path);
  if (!decoded.ok) return { ...nothing, text, problems: decoded.problems, mentions: mentionedIn(text) };
  return { ...nothing, text, layers: decoded.value.map((entry) => ({ file: name, ...entry })) };
}

/** A problem of a file as a whole. */
export function wholeFile(file: string, message: string): Problem {
  return { position: { file, line: 1, column: 1 }, field: '', message };
}

interface Judged {
  readonly extension: FleetExtension;
  readonly problems: readonly Problem[];
}

function extensionsOf(readings: readonly Reading[], partial: boolean): readonly Judged[] {
  const layers = Map.groupBy(
    readings.flatMap((reading) => reading.layers),
    ({ name }) => name.value,
  );
  const names = new Set([...layers.keys(), ...readings.flatMap(({ mentions }) => mentions)]);
  return [...names].sort().map((name) => {
    const broken = readings.find(({ mentions }) => mentions.includes(name));
    const { extension, problems } = judged(name, layers.get(name) ?? []);
    if (broken !== undefined) {
      const meaning = unclear(`${broken.path} is about it and has problems`);
      return { extension: { ...extension, meaning }, problems: [] };
    }
    const isExcused = partial && extension.said.source === undefined;
    return { extension, problems: isExcused ? [] : withLines(problems, readings) };
  });
}

function judged(name: string, layers: readonly FleetLayer[]): Judged {
  const said = layers.map(({ entry }) => entry).reduce<FleetEntry>(combined, {});
  const last = layers.at(-1);
  const problems = last === undefined ? [] : problemsOfEntry(name, said, last.name.position);
  const [first] = problems;
  const meaning = first === undefined ? meaningOf(said) : unclear(`${placeOf(first.position)}: ${first.message}`);
  return { extension: { name, said, layers, meaning }, problems };
}

function unclear(why: string): Meaning {
  return { kind: 'unclear', why };
}

function withLines(problems: readonly Problem[], readings: readonly Reading[]): readonly Problem[] {
  return problems.flatMap((problem) => {
    const text = readings.find(({ path }) => path === problem.position.file)?.text ?? '';
    return inOrder([problem], text);
  });
}

function meaningOf(said: FleetEntry): Meaning {
  if (said.state !== undefined && isAbsent(said)) return { kind: 'absent', by: said.state.position };
  if (said.source === undefined) return unclear('no file says where it comes from');
  return { kind: 'wanted', wish: wishOf(said, said.source.value) };
}

function wishOf({ version, target, args, allow, health, hold }: FleetEntry, source: ExtensionSource): Wish {
  return {
    source,
    ...(version === undefined ? {} : { version: version.value }),
    ...(target === undefined ? {} : { target: target.value }),
    args: Object.fromEntries(Array.from(args ?? [], ([name, said]) => [name, said.value])),
    allow: (allow?.value ?? []).map((rule) => ({ rule, by: allow?.position.file ?? '' })),
    health: (health?.value ?? []).map((check) => ({ ...check, by: health?.position.file ?? '' })),
    hold: hold?.value ?? false,
  };
}
