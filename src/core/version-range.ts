import { compareVersions, versionParts } from './version-order.ts';
import { quote } from './yaml/text.ts';

/** Which versions of an extension may be taken: those that meet every condition. */
export interface VersionRange {
  /** As it was written. */
  readonly text: string;
  readonly conditions: readonly VersionCondition[];
}

/** A bound, or a series: `1.2` and all that go on from it after a dot. The series of no version has them all. */
export type VersionCondition = VersionBound | { readonly series: string };

interface VersionBound {
  readonly relation: Relation;
  readonly version: string;
}

const relations = ['=', '!=', '<', '<=', '>', '>='] as const;

type Relation = (typeof relations)[number];

const longest = 200;

/** What is wrong with a text as a range of versions, for the one who wrote it. */
interface Fault {
  readonly problem: string;
}

/**
 * Reads a range: `1.2.3`, `1.2.*`, `>=1.2 <2`, `*`; conditions are separated by white space or commas.
 * A range that has no version in it is a mistake as well.
 */
export function parseVersionRange(text: string): { readonly value: VersionRange } | Fault {
  if (text.length > longest) return { problem: `a range of versions has at most ${longest} characters` };
  const words = text
    .replace(/([<>=!]+)\s+/g, '$1')
    .split(/[\s,]+/)
    .filter((word) => word !== '');
  const parsed = words.map(parseCondition);
  const fault = parsed.find((result) => 'problem' in result) ?? (words.length === 0 ? nothing : undefined);
  if (fault !== undefined) return fault;
  const conditions = parsed.flatMap((result) => ('value' in result ? [result.value] : []));
  return contradictionIn(conditions) ?? { value: { text, conditions } };
}

const nothing: Fault = { problem: 'a version or a range is missing: write for example "1.2.*" or ">=1.2 <2"' };

function parseCondition(word: string): { readonly value: VersionCondition } | Fault {
  const [, operator = '', version = ''] = /^([<>=!]*)(.*)$/s.exec(word) ?? [];
  if (version === '') return { problem: `${quote(word)} lacks a version` };
  if (version.includes('*')) return parseSeries(word);
  const relation = relations.find((known) => known === (operator === '' || operator === '==' ? '=' : operator));
  if (relation === undefined) return { problem: `${quote(word)} begins with none of ${relations.join(' ')}` };
  const problem = problemOfVersion(version);
  return problem === undefined ? { value: { relation, version } } : { problem };
}

function parseSeries(word: string): { readonly value: VersionCondition } | Fault {
  if (word === '*') return { value: { series: '' } };
  const series = word.replace(/\.\*$/, '');
  if (series.includes('*') || /^[<>=!]/.test(series)) {
    return { problem: `${quote(word)}: a * stands alone or at the end after a dot, without an operator: "1.2.*"` };
  }
  const problem = problemOfVersion(series);
  return problem === undefined ? { value: { series } } : { problem };
}

function problemOfVersion(version: string): string | undefined {
  if (/^v\d/.test(version)) return `${quote(version)}: versions are written without the v: ${quote(version.slice(1))}`;
  if (/^[A-Za-z0-9][A-Za-z0-9.~^+_:-]*$/.test(version)) return undefined;
  return `${quote(version)} is not a version: letters, digits and . ~ ^ + _ : - after the first`;
}

/**
 * Whether a version is in the range. Versions are compared as systemd does; what follows a `-`, the revision of a
 * package, counts only where the range gives one too, as in rpm: `1.7-1` is in the range `1.7`.
 */
export function isInRange(version: string, { conditions }: VersionRange): boolean {
  return conditions.every((condition) => meets(version, condition));
}

function meets(version: string, condition: VersionCondition): boolean {
  if ('series' in condition) return isOfSeries(versionAs(version, condition.series), condition.series);
  const order = compareVersions(versionAs(version, condition.version), condition.version);
  switch (condition.relation) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

/** The version without its revision, where the one that it is compared with has none. */
function versionAs(version: string, other: string): string {
  return other.includes('-') ? version : version.replace(/-.*$/s, '');
}

function isOfSeries(version: string, series: string): boolean {
  if (series === '') return true;
  const [parts, wanted] = [versionParts(version), versionParts(series)];
  const next = parts[wanted.length];
  return (
    wanted.every((part, index) => compareVersions(part, parts[index] ?? '') === 0) &&
    (next === undefined || next === '.' || next === '^')
  );
}

/** Two bounds that leave nothing between them. */
function contradictionIn(conditions: readonly VersionCondition[]): Fault | undefined {
  const bounds = conditions.filter((condition) => 'relation' in condition);
  for (const lower of bounds.filter(({ relation }) => ['=', '>', '>='].includes(relation))) {
    const upper = bounds.find((bound) => ['=', '<', '<='].includes(bound.relation) && excludes(lower, bound));
    if (upper !== undefined) return { problem: `no version is both ${spelt(lower)} and ${spelt(upper)}` };
  }
  return undefined;
}

function excludes(lower: VersionBound, upper: VersionBound): boolean {
  const comparable = versionAs(lower.version, upper.version);
  const order = compareVersions(comparable, upper.version);
  // `>1.2-3` and `<=1.2` have 1.2-4 between them.
  const isOpenBelow = lower.relation === '>' && comparable === lower.version;
  return order > 0 || (order === 0 && (upper.relation === '<' || isOpenBelow));
}

function spelt({ relation, version }: VersionBound): string {
  return `${relation}${version}`;
}
