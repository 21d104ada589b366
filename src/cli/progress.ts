import type { Progress } from '../host/progress.ts';
import { formatSize } from './output.ts';
import type { Terminal } from './terminal.ts';

/** How often the bar is drawn anew, in milliseconds. */
const interval = 100;

/** What a bar shows at one instant: a pure function of what is known. */
export interface Transfer {
  readonly expected: number;
  readonly received: number;
  readonly elapsedMs: number;
}

/** `[=====>    ] 52%  1.3 MiB of 2.5 MiB  4.1 MiB/s  0:03 left`, as wide as the terminal allows. */
export function renderBar({ expected, received, elapsedMs }: Transfer, columns: number): string {
  const share = expected === 0 ? 0 : Math.min(1, received / expected);
  const rate = elapsedMs === 0 ? 0 : (received * 1000) / elapsedMs;
  const left = rate === 0 ? undefined : Math.max(0, expected - received) / rate;
  const numbers = `${Math.floor(share * 100)
    .toString()
    .padStart(
      3,
    )}%  ${formatSize(received)} of ${formatSize(expected)}  ${formatSize(Math.round(rate))}/s  ${formatDuration(left)} left`;
  const width = Math.min(40, columns - numbers.length - 4);
  if (width < 5) return numbers;
  const filled = Math.round(share * width);
  return `[${'='.repeat(filled)}${' '.repeat(width - filled)}] ${numbers}`;
}

function formatDuration(seconds: number | undefined): string {
  if (seconds === undefined) return '-:--';
  const whole = Math.ceil(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}

export interface TerminalProgress extends Progress {
  /** A line of what a program prints. */
  readonly note: (line: string) => void;
  readonly finish: () => void;
}

/** Gives what programs print to `take` in whole lines; a line without end is cut where it gets too long. */
export function linesTo(take: (line: string) => void): (piece: Uint8Array) => void {
  const decoder = new TextDecoder();
  let begun = '';
  return (piece) => {
    const lines = (begun + decoder.decode(piece, { stream: true })).split('\n');
    begun = lines.pop() ?? '';
    for (const line of lines) take(line);
    if (begun.length < longestLine) return;
    take(begun);
    begun = '';
  };
}

const longestLine = 4096;

/** Progress on a terminal as one line that is drawn over; elsewhere as plain lines without numbers. */
export function terminalProgress(terminal: Terminal, monotonic: () => number): TerminalProgress {
  let [expected, received, start, drawn] = [0, 0, 0, -interval];
  const clear = () => {
    if (terminal.isNoteTerminal && expected > 0) terminal.draw('\r\u001b[K');
  };
  const note = (message: string) => {
    clear();
    terminal.note(message);
  };
  return {
    step: note,
    warn: (message) => {
      note(`warning: ${message}`);
    },
    expect: (bytes) => {
      if (expected === 0) start = monotonic();
      expected += bytes;
    },
    advance: (bytes) => {
      received += bytes;
      const now = monotonic();
      if (!terminal.isNoteTerminal || now - drawn < interval) return;
      drawn = now;
      terminal.draw(`\r\u001b[K${renderBar({ expected, received, elapsedMs: now - start }, terminal.columns)}`);
    },
    note,
    finish: clear,
  };
}
