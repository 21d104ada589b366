import type { AllowedFinding } from '../core/contents/allow.ts';
import { namedPaths } from '../core/contents/rule.ts';

/** What was found in an image and allowed, as the history keeps it. */
export interface AllowedRecord {
  readonly rule: string;
  /** What allowed it: `--allow`, a file, a spec. */
  readonly by: string;
  /** The first of the paths that it is about. */
  readonly paths: readonly string[];
  /** How many paths it is about. */
  readonly count: number;
}

const mostPaths = 10;

export function allowedRecord({ finding: { rule, paths }, by }: AllowedFinding): AllowedRecord {
  return { rule, by, paths: paths.slice(0, mostPaths), count: paths.length };
}

/** `setuid (by --allow): /usr/bin/ping`. */
export function allowedText({ rule, by, paths, count }: AllowedRecord): string {
  const about = paths.length === 0 ? '' : `: ${namedPaths(paths, count)}`;
  return `${rule} (by ${by})${about}`;
}
