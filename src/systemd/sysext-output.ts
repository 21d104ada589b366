import { AgentError } from '../core/errors.ts';

/** One hierarchy as `systemd-sysext status` shows it. */
export interface HierarchyStatus {
  readonly hierarchy: string;
  /** Names of the merged extensions, ascending; empty where nothing is merged. */
  readonly extensions: readonly string[];
  /** When it was merged; undefined where nothing is merged. */
  readonly since?: Date;
}

/** One image as `systemd-sysext list` shows it. */
export interface InstalledImage {
  readonly name: string;
  readonly type: string;
  readonly path: string;
  readonly time: Date;
}

/**
 * Reads `systemd-sysext status --json=short` of every version: up to 261 an unmerged hierarchy says "none" where later
 * ones have an empty list.
 * @throws AgentError `tool-failed` where the text is something else.
 */
export function parseStatus(text: string): HierarchyStatus[] {
  return rows(text, 'status').map((row) => {
    const since = row['since'];
    return {
      hierarchy: textOf(row['hierarchy']),
      extensions: Array.isArray(row['extensions']) ? row['extensions'].map(textOf) : [],
      ...(typeof since === 'number' ? { since: fromMicroseconds(since) } : {}),
    };
  });
}

/**
 * Reads `systemd-sysext list --json=short`.
 * @throws AgentError `tool-failed` where the text is something else.
 */
export function parseList(text: string): InstalledImage[] {
  return rows(text, 'list').map((row) => ({
    name: textOf(row['name']),
    type: textOf(row['type']),
    path: textOf(row['path']),
    time: fromMicroseconds(typeof row['time'] === 'number' ? row['time'] : 0),
  }));
}

/** The words of `--long-option` in a help text. */
export function parseOptions(help: string): string[] {
  return [...new Set(help.match(/(?<=\s)--[a-z][a-z-]+/g))].sort();
}

function rows(text: string, verb: string): Record<string, unknown>[] {
  try {
    const parsed: unknown = JSON.parse(text.trim() === '' ? '[]' : text);
    if (Array.isArray(parsed) && parsed.every(isObject)) return parsed;
  } catch (cause) {
    throw unreadable(verb, text, cause);
  }
  throw unreadable(verb, text);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreadable(verb: string, text: string, cause?: unknown): AgentError {
  return new AgentError('tool-failed', `systemd-sysext ${verb} --json=short printed something that is no table`, {
    facts: text.trimEnd().split('\n').slice(0, 3),
    cause,
  });
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function fromMicroseconds(microseconds: number): Date {
  return new Date(Math.floor(microseconds / 1000));
}
