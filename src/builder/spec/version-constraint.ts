import { quote } from '../../core/yaml/text.ts';
import type { Relation, VersionConstraint } from '../packages/packages.ts';

/** Every operator that Dalec takes, in the spelling of Debian: a bare `<` is what the spec's author means by it, "less than". */
const relations: Readonly<Record<string, Relation>> = {
  '<<': '<<',
  '<': '<<',
  '<=': '<=',
  '=': '=',
  '==': '=',
  '>=': '>=',
  '>': '>>',
  '>>': '>>',
};

const operators = Object.keys(relations).join(' ');

/** What Debian and rpm versions consist of (deb-version(7), and `^` of rpm). */
const versionText = /^[A-Za-z0-9.+~:^_-]+$/;

/**
 * Reads one version of a package list: `>= 1.0`, `>=1.0`, or a version alone, which must be that version. `<1.0` is
 * refused: Dalec hands it to dpkg as it stands, and dpkg takes a `<` in a relation for `<=`.
 */
export function parseVersionConstraint(
  text: string,
): { readonly value: VersionConstraint } | { readonly problem: string } {
  const trimmed = text.trim();
  const [, operator = '', space = '', version = ''] = /^([^\w\s]*)(\s*)(.*)$/su.exec(trimmed) ?? [];
  if (version === '') return { problem: 'the version is missing: write for example ">= 1.0"' };
  const relation = operator === '' ? exactly(version) : relations[operator];
  if (relation === undefined) return { problem: unknownOperator(trimmed) };
  if (space === '' && (operator === '<' || operator === '>')) return { problem: ambiguous(operator, version) };
  if (!versionText.test(version)) return { problem: notAVersion(version) };
  return { value: { relation, version } };
}

/** Without an operator, what begins with a digit is a version. */
function exactly(version: string): Relation | undefined {
  return /^\d/.test(version) ? '=' : undefined;
}

function unknownOperator(text: string): string {
  return `${quote(text)} begins with none of the operators ${operators}`;
}

function ambiguous(operator: '<' | '>', version: string): string {
  return `"${operator}${version}" is ambiguous: write "${operator} ${version}" or "${operator}= ${version}"`;
}

function notAVersion(version: string): string {
  const why = version.includes('$') ? 'build arguments are not expanded in the versions of this list' : 'not a version';
  return `${quote(version)}: ${why}`;
}
