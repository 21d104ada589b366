import { printable } from './yaml/text.ts';

/** What tells whether something is well. */
export type HealthProbe =
  /** An executable of this host, which ends with 0 where all is well. */
  | { readonly kind: 'program'; readonly path: string }
  /** The same with arguments; the first is an absolute path, or a name that is looked up. */
  | { readonly kind: 'command'; readonly command: readonly string[] }
  /** The same, run in what a merge has prepared, before anyone sees that; where nothing is prepared, after the merge. */
  | { readonly kind: 'prepare'; readonly command: readonly string[] }
  /** A unit that must be active. */
  | { readonly kind: 'unit'; readonly unit: string };

/** A health check as someone wrote it. Times are in milliseconds. */
export interface DeclaredCheck {
  readonly name: string;
  readonly probe: HealthProbe;
  /** How long one attempt may take. */
  readonly timeout: number;
  /** How often it is tried again where it fails. */
  readonly retries: number;
  /** How long to wait before that. */
  readonly interval: number;
}

/** A health check with what is needed to say whose it is. */
export interface HealthCheck extends DeclaredCheck {
  /** Who wants it: a file, a spec. */
  readonly by: string;
  /** The extension that it is about; absent where it is about the whole host. */
  readonly extension?: string;
}

/** The checks of an extension in its record: no field where there are none. */
export function withHealth(health: readonly HealthCheck[]): { readonly health?: readonly HealthCheck[] } {
  return health.length === 0 ? {} : { health };
}

/** What holds where nothing else is said. */
export const defaultLimits = { timeout: 60_000, retries: 0, interval: 1000 } as const;

const longestName = 60;

/** What a check is called that was given no name. */
export function nameOfProbe(probe: HealthProbe): string {
  const text = probeText(probe);
  return text.length > longestName ? `${text.slice(0, longestName)}…` : text;
}

function probeText(probe: HealthProbe): string {
  switch (probe.kind) {
    case 'program':
      return printable(probe.path.replace(/.*\//, ''));
    case 'command':
    case 'prepare':
      return printable(probe.command.join(' '));
    case 'unit':
      return probe.unit;
  }
}

/** A check in a sentence, with whose it is: `http of web (x-sysext of web.yml)`. */
export function checkTitle({ name, extension, by }: HealthCheck): string {
  return `${name}${extension === undefined ? '' : ` of ${extension}`} (${by})`;
}

/** What is done to make a check, in words: the same, and what it does where its name does not say that. */
export function describeCheck(check: HealthCheck): string {
  const does = nameOfProbe(check.probe);
  return `run the health check ${checkTitle(check)}${check.name === does ? '' : `: ${does}`}`;
}

/** More than this of what a program printed is not told. */
const mostLines = 8;
const longestLine = 240;

/** The end of what a program printed, with everything a terminal would act on escaped. */
export function lastLines(output: string): readonly string[] {
  const lines = output.trimEnd().split(/\r\n|\n|\r/);
  if (lines.length === 1 && lines[0] === '') return [];
  return lines.slice(-mostLines).map((line) => {
    const text = printable(line.slice(0, longestLine).replaceAll('\t', '    '));
    return line.length > longestLine ? `${text}…` : text;
  });
}
