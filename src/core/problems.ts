/** A place in a text file; line and column count from 1, as editors and compilers do. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** A value together with its place, for what may have to be said of it later. */
export interface Located<T> {
  readonly value: T;
  readonly position: Position;
}

/** Something wrong at a place of a file. */
export interface Problem {
  readonly position: Position;
  /** The path of the field, such as `dependencies.sysext.jq`; empty for the document as a whole. */
  readonly field: string;
  readonly message: string;
  /** The line of the file, shown with a caret below the column. */
  readonly excerpt?: string;
}

/** `file:line`, where the column says nothing more. */
export function placeOf({ file, line }: Position): string {
  return `${file}:${line}`;
}

/** `file:line:col: field: message`. */
export function inOneLine({ position, field, message }: Problem): string {
  return renderProblem({ position, field, message });
}

/** `file:line:col: field: message`, then the line and a caret. */
export function renderProblem(problem: Problem): string {
  const { file, line, column } = problem.position;
  const head = [`${file}:${line}:${column}`, problem.field, problem.message].filter((part) => part !== '').join(': ');
  if (problem.excerpt === undefined) return head;
  const gutter = `${line} | `;
  const indent = problem.excerpt.slice(0, column - 1).replace(/[^\t]/g, ' ');
  return `${head}\n  ${gutter}${problem.excerpt}\n  ${' '.repeat(gutter.length)}${indent}^`;
}
