import { LineCounter, parseDocument, type Document } from 'yaml';

import { AgentError, type ErrorCode } from '../errors.ts';
import type { Position, Problem } from '../problems.ts';
import type { Decoded, Decoder } from './decoder.ts';
import { readTree } from './tree.ts';

/** Files that people write are far smaller; a bigger one is refused before any work is done on it. */
const maxLength = 1024 * 1024;

/** More problems than anyone reads: the rest is only counted. */
const maxProblems = 1000;

/** A longer line is not repeated below its problem. */
const maxExcerpt = 240;

/**
 * Reads a YAML (or JSON) document. Everything wrong with it is reported, in the order of the file; only while its
 * syntax is broken are the fields not looked at, since the rest of the text could then mean anything.
 * @param content the text of the file; white space around it does not count, as in Dalec.
 * @param file the name of the file in problems.
 */
export function decodeYaml<T>(content: string, file: string, decoder: Decoder<T>): Decoded<T> {
  const text = content.replace(/^\uFEFF/, '');
  if (text.length > maxLength) {
    const message = `the file is too big: ${text.length} characters, at most ${maxLength} are read`;
    return { ok: false, problems: [{ position: { file, line: 1, column: 1 }, field: '', message }] };
  }
  const start = text.length - text.trimStart().length;
  const positionOf = positionsIn(text, file, start);
  const document = parse(text.trim());
  const broken = [...controlCharacters(text.trim(), positionOf), ...syntaxProblems(document, positionOf)];
  if (broken.length > 0) return { ok: false, problems: inOrder(broken, text) };
  const { root, problems } = readTree(document.contents, positionOf);
  const decoded = decoder(root, '');
  if (decoded.ok && problems.length === 0) return decoded;
  return { ok: false, problems: inOrder([...problems, ...(decoded.ok ? [] : decoded.problems)], text) };
}

/**
 * The same, for callers that have no use for a document with problems.
 * @param what the kind of file in the message: "spec".
 * @throws AgentError `code` with all problems.
 */
export function decodeYamlOrThrow<T>(
  text: string,
  file: string,
  decoder: Decoder<T>,
  code: ErrorCode,
  what: string,
): T {
  const decoded = decodeYaml(text, file, decoder);
  if (decoded.ok) return decoded.value;
  const { length } = decoded.problems;
  const count = length === 1 ? 'there is 1 problem' : `there are ${length} problems`;
  throw new AgentError(code, `cannot read the ${what} ${file}: ${count}`, { problems: decoded.problems });
}

/** Scalars are left as text: scalar.ts gives them their values. */
function parse(text: string): Document.Parsed {
  return parseDocument(text, { schema: 'failsafe', uniqueKeys: false, prettyErrors: false, logLevel: 'error' });
}

/** From an offset in the trimmed text to a place in the file. */
function positionsIn(text: string, file: string, start: number): (offset: number) => Position {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (const { index } of text.matchAll(/\n/g)) lines.addNewLine(index + 1);
  return (offset) => {
    const { line, col } = lines.linePos(start + offset);
    return { file, line, column: col };
  };
}

/** YAML 1.2, 5.1: a document consists of printable characters. */
function controlCharacters(text: string, positionOf: (offset: number) => Position): Problem[] {
  return Array.from(text.matchAll(/[^\P{Cc}\t\n\r\u0085]/gu), ({ 0: character, index }) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return { position: positionOf(index), field: '', message: `the control character U+${code} is not allowed` };
  });
}

const syntaxMessages: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'only one document is allowed in a file',
  RESOURCE_EXHAUSTION: 'nested too deeply',
};

function syntaxProblems(document: Document.Parsed, positionOf: (offset: number) => Position): Problem[] {
  const problems = document.errors.map(({ code, message, pos }) => ({ code, message, position: positionOf(pos[0]) }));
  const exhausted = problems.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  return (exhausted === undefined ? problems : [exhausted]).map(({ code, message, position }) => ({
    position,
    field: '',
    message: syntaxMessages[code] ?? message,
  }));
}

/**
 * Sorts the problems of a document by their place, gives each its line, and counts what is too much; for problems that
 * are found after it was read as well.
 */
export function inOrder(problems: readonly Problem[], text: string): readonly Problem[] {
  const lines = text.split('\n');
  const sorted = [...problems].sort((a, b) => comparePositions(a.position, b.position));
  const shown = sorted.slice(0, maxProblems).map((problem) => withExcerpt(problem, lines));
  const next = sorted[maxProblems];
  const message = `and ${sorted.length - maxProblems} more problems from here on`;
  return next === undefined ? shown : [...shown, { position: next.position, field: '', message }];
}

function comparePositions(a: Position, b: Position): number {
  return a.line - b.line || a.column - b.column;
}

function withExcerpt(problem: Problem, lines: readonly string[]): Problem {
  const line = lines[problem.position.line - 1]?.trimEnd() ?? '';
  if (line === '' || line.length > maxExcerpt) return problem;
  return { ...problem, excerpt: line.replace(/[^\P{Cc}\t]/gu, '\uFFFD') };
}
