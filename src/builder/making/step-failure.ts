import { AgentError } from '../../core/errors.ts';
import type { SandboxEnd, SandboxLimits } from '../sandbox/sandbox.ts';
import type { MakingStep } from './making-step.ts';
import { lastLines } from './output-end.ts';

/** What is known of a step that failed. */
export interface StepFailure {
  readonly step: MakingStep;
  readonly end: SandboxEnd;
  readonly limits: SandboxLimits;
  /** The end of what it printed. */
  readonly output: string;
  /** The path of its log. */
  readonly log: string;
}

/** The setting that raises each limit; docs/building.md names them too. */
export const settingOf: Readonly<Record<keyof SandboxLimits, string>> = {
  time: 'build.time_limit',
  memory: 'build.memory_limit',
  processes: 'build.process_limit',
  disk: 'build.disk_limit',
};

/** Says which step failed, where it stands in the spec, how, what it said last, and where all of it is. */
export function stepFailed({ step, end, limits, output, log }: StepFailure): AgentError {
  const { title, position } = step;
  const how = howItEnded(end, limits);
  return new AgentError('tool-failed', `${title} ${how}`, {
    ...(position === undefined ? {} : { problems: [{ position, field: '', message: `${title} ${how}` }] }),
    facts: lastLines(output),
    left: 'Nothing was built.',
    next: nextOf(end, log),
  });
}

function howItEnded({ exitCode, exceeded }: SandboxEnd, limits: SandboxLimits): string {
  switch (exceeded) {
    case 'time':
      return `was ended after ${duration(limits.time)}, the longest that a step may take`;
    case 'memory':
      return `was ended: it wanted more memory than ${size(limits.memory)}`;
    case 'processes':
      return `was ended: it wanted more than ${limits.processes} processes`;
    case 'disk':
      return `was ended: it wrote more than ${size(limits.disk)}`;
    case undefined:
      return exitCode > 128 ? `was ended by signal ${exitCode - 128}` : `failed with exit code ${exitCode}`;
  }
}

function nextOf({ exceeded }: SandboxEnd, log: string): string {
  const all = `All of its output is in ${log}`;
  return exceeded === undefined ? `${all}.` : `${all}; the limit is ${settingOf[exceeded]} in agent.yml.`;
}

function duration(seconds: number): string {
  if (seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(bytes, 1)) / 10)));
  return `${Number((bytes / 2 ** (10 * power)).toFixed(1))} ${units[power] ?? ''}`;
}
