import type { Progress } from '../host/progress.ts';
import { formatSize } from './output.ts';
import type { Terminal } from './terminal.ts';

/** How often the bar is drawn anew, in milliseconds. */
const interval = 100;

/** What a bar shows at one instant: a pure function of what is known. */
export interface Transfer {
  readonly expected: number;
  readonly received: number;
  /** How many of those were here before. */
  readonly found: number;
  readonly elapsedMs: number;
}

/** `[=====>    ] 52%  1.3 MiB of 2.5 MiB  4.1 MiB/s  0:03 left`, as wide as the terminal allows. */
export function renderBar(transfer: Transfer, columns: number): string {
  const numbers = renderTransfer(transfer);
  const width = Math.min(40, columns - numbers.length - 4);
  if (width < 5) return numbers;
  const filled = Math.round(shareOf(transfer) * width);
  return `[${'='.repeat(filled)}${' '.repeat(width - filled)}] ${numbers}`;
}

/** ` 52%  1.3 MiB of 2.5 MiB  4.1 MiB/s  0:03 left` */
export function renderTransfer(transfer: Transfer): string {
  const { expected, received, found, elapsedMs } = transfer;
  const rate = elapsedMs === 0 ? 0 : ((received - found) * 1000) / elapsedMs;
  const left = rate === 0 ? undefined : Math.max(0, expected - received) / rate;
  return [
    `${Math.floor(shareOf(transfer) * 100)}%`.padStart(4),
    `${formatSize(received)} of ${formatSize(expected)}`,
    `${formatSize(Math.round(rate))}/s`,
    `${formatDuration(left)} left`,
  ].join('  ');
}

function shareOf({ expected, received }: Transfer): number {
  return expected === 0 ? 0 : Math.min(1, received / expected);
}

/** Counts what arrives, of all that is fetched at the same time as one transfer. */
export function transferMeter(
  monotonic: () => number,
): Pick<Progress, 'expect' | 'advance' | 'found'> & { now(): Transfer } {
  let [expected, received, found, start] = [0, 0, 0, 0];
  return {
    expect: (bytes) => {
      if (received >= expected) [expected, received, found, start] = [0, 0, 0, monotonic()];
      expected += bytes;
    },
    advance: (bytes) => {
      received += bytes;
    },
    found: (bytes) => {
      received += bytes;
      found += bytes;
    },
    now: () => ({ expected, received, found, elapsedMs: monotonic() - start }),
  };
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
  const meter = transferMeter(monotonic);
  let drawn = -interval;
  const clear = () => {
    if (terminal.isNoteTerminal && meter.now().expected > 0) terminal.draw('\r\u001b[K');
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
    expect: meter.expect,
    found: meter.found,
    advance: (bytes) => {
      meter.advance(bytes);
      const now = monotonic();
      if (!terminal.isNoteTerminal || now - drawn < interval) return;
      drawn = now;
      terminal.draw(`\r\u001b[K${renderBar(meter.now(), terminal.columns)}`);
    },
    note,
    finish: clear,
  };
}
