import type { ExitCode } from '../core/errors.ts';
import type { Terminal } from './terminal.ts';

/** An option of a command, in commander's notation: `--root <dir>`. */
export interface OptionSpec {
  readonly flags: string;
  readonly description: string;
  /** Whether it may be given several times; its value is then a list. */
  readonly repeatable?: boolean;
}

/** What a command works with besides its arguments. */
export interface Invocation {
  readonly args: readonly string[];
  readonly options: Options;
  readonly terminal: Terminal;
  /** Aborts at Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
  /** All commands there are. */
  readonly commands: readonly CommandSpec[];
}

/** One command of the command line, as data: help, completion and tests read it too. */
export interface CommandSpec {
  /** One word, or that of a group and its own: `config cat`. */
  readonly name: string;
  /** In commander's notation: `<image...>`, `[spec]`. */
  readonly arguments?: string;
  readonly summary: string;
  /** More about it, shown by `--help`. */
  readonly description?: string;
  readonly options: readonly OptionSpec[];
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  run(invocation: Invocation): Promise<ExitCode>;
}

/** The values of options by their camel-case names, read with a check of their kind. */
export class Options {
  readonly #values: Readonly<Record<string, unknown>>;

  /** The names of those that were given, rather than left to their defaults. */
  readonly given: readonly string[];

  constructor(values: Readonly<Record<string, unknown>>, given: readonly string[] = []) {
    this.#values = values;
    this.given = given;
  }

  flag(name: string): boolean {
    return this.#values[name] === true;
  }

  text(name: string): string | undefined {
    const value = this.#values[name];
    return typeof value === 'string' ? value : undefined;
  }

  list(name: string): readonly string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
  }
}

/** Options that mean the same in every command that has them. */
export const common = {
  root: { flags: '--root <dir>', description: 'work on the system below this directory' },
  json: {
    flags: '--json [=pretty|short|off]',
    description: 'print JSON; without a value pretty on a terminal, else short',
  },
  noLegend: { flags: '--no-legend', description: 'leave out the heading of the table' },
  noPager: { flags: '--no-pager', description: 'accepted for systemd-sysext: there never is a pager' },
  dryRun: { flags: '--dry-run', description: 'tell what would be done and do nothing' },
  reason: { flags: '--reason <text>', description: 'why, for the history' },
  wait: { flags: '--wait <seconds>', description: 'wait that long for another operation to end' },
  noWait: { flags: '--no-wait', description: 'give up at once where another operation is under way (the default)' },
  allow: {
    flags: '--allow <rule>',
    description: 'allow what a rule found in an image, by its name such as setuid',
    repeatable: true,
  },
  force: { flags: '--force', description: 'merge extensions that do not fit this system as well' },
  noReload: { flags: '--no-reload', description: 'do not let systemd reload its units (from systemd 255 on)' },
} as const satisfies Record<string, OptionSpec>;

/** What every command has that changes which extensions there are. */
export const changeOptions = [
  common.root,
  common.dryRun,
  common.json,
  common.reason,
  common.wait,
  common.noWait,
] as const satisfies readonly OptionSpec[];
