import { renderProblem, type Problem } from '../core/problems.ts';

/** Problems as lines: `error: file:line:col: ...`. */
export function problemLines(kind: string, problems: readonly Problem[]): readonly string[] {
  return problems.map((problem) => `${kind}: ${renderProblem(problem)}`);
}

/** `jq.yml: no errors, 1 warning, no notes`. */
export function summaryOf(
  what: string,
  { errors, warnings, notes }: Readonly<Record<'errors' | 'warnings' | 'notes', readonly Problem[]>>,
): string {
  const counts = [counted(errors.length, 'error'), counted(warnings.length, 'warning'), counted(notes.length, 'note')];
  return `${what}: ${counts.join(', ')}`;
}

function counted(count: number, what: string): string {
  return `${count === 0 ? 'no' : count} ${what}${count === 1 ? '' : 's'}`;
}
