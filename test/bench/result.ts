/** One line of what is printed. */
export interface Result {
  readonly what: string;
  readonly ours: number;
  /** What it is held against, in milliseconds; undefined where that is no time. */
  readonly floor: number | undefined;
  readonly figure: string;
  readonly limit: string;
}

export function ratio(what: string, ours: number, floor: number, limit: number): Result {
  return { what, ours, floor, figure: (ours / floor).toFixed(2), limit: limit.toFixed(2) };
}

export function print(results: readonly Result[]): void {
  const width = Math.max(...results.map(({ what }) => what.length));
  const line = (cells: readonly string[]) =>
    `${(cells[0] ?? '').padEnd(width)}  ${cells
      .slice(1)
      .map((cell) => cell.padStart(9))
      .join('')}\n`;
  process.stdout.write(line(['', 'ours ms', 'floor ms', 'figure', 'limit']));
  for (const { what, ours, floor, figure, limit } of results) {
    process.stdout.write(line([what, ours.toFixed(1), floor?.toFixed(1) ?? '', figure, limit]));
  }
}
