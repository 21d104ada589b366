import { exitCodes } from '../core/errors.ts';

/** Where a command writes: results to standard output, everything else to standard error. */
export interface Terminal {
  /** Writes a line of result. */
  print(line: string): void;
  /** Writes a line of diagnosis. */
  note(line: string): void;
  /** Writes to standard error without ending the line; progress bars do that. */
  draw(text: string): void;
  /** Whether standard output and standard error are terminals. */
  readonly isResultTerminal: boolean;
  readonly isNoteTerminal: boolean;
  /** Width of the terminal in columns. */
  readonly columns: number;
}

export function processTerminal(): Terminal {
  const { env, stderr, stdout } = process;
  outlast(stdout, stderr);
  return {
    print: (line) => void stdout.write(`${visible(line)}\n`),
    note: (line) => void stderr.write(`${visible(line)}\n`),
    draw: (text) => void stderr.write(text),
    isResultTerminal: stdout.isTTY,
    isNoteTerminal: stderr.isTTY,
    columns: stderr.isTTY ? stderr.columns : Number(env['COLUMNS'] ?? 80),
  };
}

/** A reader that goes away, such as head(1), or a full disk must not end an operation half-way. */
function outlast(stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): void {
  let isTold = false;
  // There is nowhere to say it.
  stderr.on('error', () => undefined);
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || isTold) return;
    isTold = true;
    stderr.write(`sysext-agent: cannot write to standard output: ${error.message}\n`);
    stderr.write('It is done; what came of it could not be shown.\n');
    process.once('exit', (code) => {
      if (code === exitCodes.ok) process.exitCode = exitCodes.failed;
    });
  });
}

/** Names and texts out of images could hold what a terminal acts on: shown as an escape instead. */
export function visible(text: string): string {
  return text.replace(
    /[\p{Cc}--[\n\t]]/gv,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
