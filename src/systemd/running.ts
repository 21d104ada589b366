import { isAgentError } from '../core/errors.ts';
import { listNames, readTextIfAny } from '../host/files.ts';

/**
 * The services that have files of `/usr` in use, as programs or libraries, and one such file of each.
 * @param programs absolute paths.
 */
export function servicesUsing(programs: ReadonlySet<string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const process of listNames('/proc').filter((name) => /^\d+$/.test(name))) {
    const used = mappedFiles(process).find((path) => programs.has(path));
    const unit = used === undefined ? undefined : serviceOf(process);
    if (used !== undefined && unit !== undefined && !found.has(unit)) found.set(unit, used);
  }
  return found;
}

/** The files that a process has mapped (proc_pid_maps(5)). */
function mappedFiles(process: string): string[] {
  const lines = textOf(`/proc/${process}/maps`).split('\n');
  return [...new Set(lines.flatMap((line) => / (\/.*)$/.exec(line)?.[1] ?? []))];
}

/** The service of the system that a process belongs to, by its control group; those of users are their own affair. */
function serviceOf(process: string): string | undefined {
  return /^0::\/system\.slice(?:\/[^/\n]*\.slice)*\/([^/\n]+\.service)/m.exec(textOf(`/proc/${process}/cgroup`))?.[1];
}

/** A process may be gone, or not to be looked into by this user. */
function textOf(path: string): string {
  try {
    return readTextIfAny(path) ?? '';
  } catch (error) {
    if (isAgentError(error)) return '';
    throw error;
  }
}
