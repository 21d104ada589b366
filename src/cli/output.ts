import { AgentError } from '../core/errors.ts';
import type { Invocation } from './command.ts';

/** Version of the JSON that commands print; a field is never renamed within one version. */
export const apiVersion = 1;

type JsonMode = 'pretty' | 'short' | 'off';

/** A table as rows of cells. */
export interface Table {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/**
 * Prints a result: as one JSON document where --json asks for it, else as text.
 * @param value what JSON shows; times as RFC 3339, lists never left out.
 */
export function show(
  invocation: Pick<Invocation, 'options' | 'terminal'>,
  value: object,
  text: () => readonly string[],
): void {
  const mode = jsonMode(invocation);
  if (mode === 'off') {
    for (const line of text()) invocation.terminal.print(line);
    return;
  }
  invocation.terminal.print(JSON.stringify({ apiVersion, ...value }, undefined, mode === 'pretty' ? 2 : 0));
}

/** Plain --json is pretty for a reader and short for a program. */
export function jsonMode({ options, terminal }: Pick<Invocation, 'options' | 'terminal'>): JsonMode {
  const mode = options.text('json') ?? 'off';
  if (mode === 'auto') return terminal.isResultTerminal ? 'pretty' : 'short';
  if (mode === 'pretty' || mode === 'short' || mode === 'off') return mode;
  throw new AgentError('usage', `--json takes pretty, short or off, not ${mode}`);
}

/** The lines of a table with aligned columns; the last column is not padded. */
export function tableLines({ headings, rows }: Table, legend: boolean): string[] {
  const all = legend ? [headings, ...rows] : rows;
  const widths = headings.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** A size in bytes for people: `1.3 MiB`. */
export function formatSize(bytes: number | undefined): string {
  if (bytes === undefined) return '-';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)));
  return power === 0 ? `${bytes} B` : `${(bytes / 2 ** (10 * power)).toFixed(1)} ${units[power] ?? ''}`;
}

/** A time for people, as systemd prints it: `Sat 2026-11-21 23:50:12 UTC`. */
export function formatTime(time: Date): string {
  const day = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'][time.getUTCDay()] ?? '';
  return `${day} ${time.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}
