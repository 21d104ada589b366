import type { Environment } from '../spec/sources.ts';

/** The longest text that one argument of a program may be on Linux is 128 KiB (execve(2)); this leaves room. */
const longestArgument = 96 * 1024;

export interface ScriptSettings {
  /** Each is exported in the order of its names, the first before the second. */
  readonly environments: readonly Environment[];
  /** Lines of the shell before all others. */
  readonly before?: readonly string[];
}

/**
 * The argument vector that runs a command of a spec as Dalec's scripts do: in a shell of its own, which ends at the first
 * command that fails, with all variables exported.
 */
export function shellCommand(command: string, { environments, before = [] }: ScriptSettings): [string, ...string[]] {
  const script = [...before, ...environments.flatMap(exportLines), command].join('\n');
  const pieces = piecesOf(script);
  if (pieces.length === 1) return ['/bin/sh', '-ex', '-c', script];
  const whole = pieces.map((_, index) => `\${${index + 1}}`).join('');
  return ['/bin/sh', '-ec', `set -x\neval "${whole}"`, 'sh', ...pieces];
}

/** In the order of their names, so that a value can name what comes before it. */
function exportLines(environment: Environment): readonly string[] {
  return [...environment.keys()]
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => `export ${name}="${withinQuotes(environment.get(name)?.value ?? '')}"`);
}

/**
 * A value as it stands between double quotes of the shell: variables in it are expanded, such as `$PATH:/opt/bin`, as
 * those of rpm targets are in Dalec; nothing else in it means anything to the shell.
 */
export function withinQuotes(value: string): string {
  return value.replace(/["\\`]|\$(?![A-Za-z_]|\{[A-Za-z_]\w*\})/g, (character) => `\\${character}`);
}

/** Cut between characters, since arguments are bytes. */
function piecesOf(text: string): readonly string[] {
  if (Buffer.byteLength(text) <= longestArgument) return [text];
  const pieces: string[] = [];
  let piece = '';
  let size = 0;
  for (const character of text) {
    const length = Buffer.byteLength(character);
    if (size + length > longestArgument) {
      pieces.push(piece);
      [piece, size] = ['', 0];
    }
    piece += character;
    size += length;
  }
  return [...pieces, piece];
}
