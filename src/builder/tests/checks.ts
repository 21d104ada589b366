import type { Position, Problem } from '../../core/problems.ts';
import { fieldPath, itemPath, printable, quote } from '../../core/yaml/text.ts';
import type { LayeredTree } from '../../host/layered-tree.ts';
import type { Text } from '../spec/sources.ts';
import type { FileCheck, OutputCheck } from '../spec/tests.ts';
import { compileExpression } from './regular-expression.ts';

/** What a check can look at, in Dalec's words. */
export type CheckKind =
  | 'contains'
  | 'empty'
  | 'ends_with'
  | 'equals'
  | 'is_dir'
  | 'link_target_path'
  | 'matches'
  | 'not_exist'
  | 'permissions'
  | 'starts_with';

/** What is looked at: the path of a file, or `stdout`; and where the spec says so. */
export interface Subject {
  readonly name: string;
  readonly field: string;
  readonly position: Position;
}

/** Looks at a path of a tree as its programs would. */
export interface Look extends Pick<LayeredTree, 'status' | 'link'> {
  /** What a file holds, links followed; undefined for what cannot be read. */
  read(path: string): Buffer | undefined;
}

/** All that is not as the spec says it: of output, or of the content of a file. */
export function outputProblems(subject: Subject, content: Buffer, check: OutputCheck): readonly Problem[] {
  const text = content.toString('utf8');
  const got = preview(content);
  const failed = (kind: CheckKind, field: string, expected: string, position = subject.position): Problem =>
    failure({ ...subject, field: `${subject.field}.${field}`, position }, kind, expected, got);
  const single = (kind: 'equals' | 'starts_with' | 'ends_with', wanted: Text | undefined, holds: Holds) =>
    wanted === undefined || wanted.value === '' || holds(text, wanted.value)
      ? []
      : [failed(kind, kind, wanted.value, wanted.position)];
  return [
    ...(check.empty && text !== '' ? [failed('empty', 'empty', '')] : []),
    ...single('equals', check.equals, (all, wanted) => all === wanted),
    ...check.contains.flatMap(({ value, position }, index) =>
      text.includes(value) ? [] : [failed('contains', itemPath('contains', index), value, position)],
    ),
    ...matchProblems(subject, text, check.matches, (index, { value, position }) =>
      failed('matches', itemPath('matches', index), value, position),
    ),
    ...single('starts_with', check.startsWith, (all, wanted) => all.startsWith(wanted)),
    ...single('ends_with', check.endsWith, (all, wanted) => all.endsWith(wanted)),
  ];
}

type Holds = (text: string, wanted: string) => boolean;

function matchProblems(
  subject: Subject,
  text: string,
  patterns: readonly Text[],
  failed: (index: number, pattern: Text) => Problem,
): readonly Problem[] {
  return patterns.flatMap((pattern, index) => {
    const compiled = compileExpression(pattern.value);
    const at = { position: pattern.position, field: `${subject.field}.${itemPath('matches', index)}` };
    if (!compiled.ok) return [{ ...at, message: badExpression(pattern.value, compiled.problem) }];
    const found = compiled.matches(text);
    if (found === 'too-long') {
      return [{ ...at, message: `${quote(pattern.value)} takes too long to look for in ${quote(subject.name)}` }];
    }
    return found ? [] : [failed(index, pattern)];
  });
}

export function badExpression(pattern: string, problem: string): string {
  return `${quote(pattern)} is no regular expression of RE2: ${printable(problem)}`;
}

/**
 * All that is not as the spec says it at a path. What is there must be no directory unless the spec asks for one; where
 * nothing is, nothing more is said of it.
 */
export function fileProblems(subject: Subject, check: FileCheck, look: Look): readonly Problem[] {
  const { name } = subject;
  const seen = look.status(name, !check.noFollow);
  const failed = (kind: CheckKind, expected: string, got: string): Problem => failure(subject, kind, expected, got);
  if (check.notExist) return seen === undefined ? [] : [failed('not_exist', 'exists=false', 'exists=true')];
  if (seen === undefined) return [failed('not_exist', 'exists=true', 'exists=false')];
  const isDirectory = seen.kind === 'directory';
  const { permissions = 0, linkTarget } = check;
  const link = linkTarget === '' ? undefined : (look.link(name) ?? 'no symbolic link');
  return [
    ...(isDirectory === check.isDirectory
      ? []
      : [failed('is_dir', kindName(check.isDirectory), kindName(isDirectory))]),
    ...(permissions === 0 || (seen.mode & 0o777) === (permissions & 0o777)
      ? []
      : [failed('permissions', permissionText(permissions), permissionText(seen.mode))]),
    ...(link === undefined || link === linkTarget ? [] : [failed('link_target_path', linkTarget, link)]),
    ...contentProblems(subject, check, look),
  ];
}

function contentProblems(subject: Subject, check: FileCheck, look: Look): readonly Problem[] {
  if (!asksForContent(check)) return [];
  const content = look.read(subject.name);
  if (content !== undefined) return outputProblems(subject, content, check);
  const what = 'is no file that can be read, or is larger than what is looked at';
  return [{ position: subject.position, field: subject.field, message: `${quote(subject.name)} ${what}` }];
}

function asksForContent({ equals, contains, matches, startsWith, endsWith, empty }: OutputCheck): boolean {
  const texts = [equals, startsWith, endsWith].filter((text) => text !== undefined && text.value !== '');
  return empty || texts.length + contains.length + matches.length > 0;
}

function kindName(isDirectory: boolean): string {
  return `is_dir=${isDirectory}`;
}

/** As `ls -l` shows them, but for special bits: `-rwxr-xr-x`. */
function permissionText(mode: number): string {
  return `-${Array.from('rwxrwxrwx', (letter, index) => ((mode >> (8 - index)) & 1 ? letter : '-')).join('')}`;
}

function failure({ name, field, position }: Subject, kind: CheckKind, expected: string, got: string): Problem {
  const message = `${quote(name)}: check_type=${kind} expected: ${quote(expected)}, got ${quote(got)}`;
  return { position, field, message };
}

/** As much of a text as helps, in bytes. */
const longestPreview = 1024;

function preview(content: Buffer): string {
  if (content.includes(0)) return '<binary data>';
  if (content.length <= longestPreview) return content.toString('utf8');
  const start = content.subarray(0, longestPreview).toString('utf8');
  return `${start}<...truncated to ${longestPreview} bytes out of ${content.length} bytes>`;
}

/** The subject that a file of a test is. */
export function fileSubject(testField: string, path: Text): Subject {
  return { name: path.value, field: fieldPath(`${testField}.files`, path.value), position: path.position };
}
