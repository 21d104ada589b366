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
  for (const stream of [stdout, stderr]) stream.on('error', passOver);
  return {
    print: (line) => void stdout.write(`${visible(line)}\n`),
    note: (line) => void stderr.write(`${visible(line)}\n`),
    draw: (text) => void stderr.write(text),
    isResultTerminal: stdout.isTTY,
    isNoteTerminal: stderr.isTTY,
    columns: stderr.isTTY ? stderr.columns : Number(env['COLUMNS'] ?? 80),
  };
}

/** Whoever stops reading, such as head(1), must not end an operation half-way. */
function passOver(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}

/** Names and texts out of images could hold what a terminal acts on: shown as an escape instead. */
export function visible(text: string): string {
  return text.replace(
    /[\p{Cc}--[\n\t]]/gv,
    (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}
