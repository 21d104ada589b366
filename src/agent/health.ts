import { join } from 'node:path';

import { AgentError, isAgentError, messageOf } from '../core/errors.ts';
import { checkTitle, defaultLimits, lastLines, nameOfProbe, type HealthCheck } from '../core/health.ts';
import { durationText } from '../core/yaml/duration.ts';
import { printable } from '../core/yaml/text.ts';
import { fileStatus, listNames } from '../host/files.ts';
import type { LimitedExec, RunLimits } from '../host/limited-run.ts';
import type { Preview } from '../systemd/drivers/driver.ts';
import type { UnitState } from '../systemd/manager.ts';
import { settledState, unitStatus } from '../systemd/unit-state.ts';
import type { Agent } from './agent.ts';
import { readSettings } from './settings.ts';

const directory = '/etc/sysext-agent/health.d';

/**
 * The checks that this host has of its own: executables, in the order of their names, then what the configuration says.
 * Below another root there are none, since they would look at this host.
 * @throws AgentError `invalid-config`.
 */
export async function healthChecks(root: string): Promise<readonly HealthCheck[]> {
  if (root !== '/') return [];
  const { health } = await readSettings(root);
  return [...programChecks(), ...health];
}

function programChecks(): HealthCheck[] {
  return listNames(directory)
    .filter((name) => /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/.test(name))
    .map((name) => join(directory, name))
    .filter((path) => isExecutable(path))
    .map((path) => {
      const probe = { kind: 'program', path } as const;
      return { name: nameOfProbe(probe), probe, ...defaultLimits, by: directory };
    });
}

function isExecutable(path: string): boolean {
  const status = fileStatus(path);
  return status?.isFile() === true && (status.mode & 0o111) !== 0;
}

/** What checks work with. */
export type Examiner = Pick<Agent, 'exec' | 'clock'> & {
  /** What is prepared and not merged yet, where `prepare` is run. */
  readonly preview?: Preview;
};

/**
 * Makes a check, again where it fails and may be tried again.
 * @throws AgentError `rolled-back` where it fails for good, with the end of what it said; `interrupted`.
 */
export async function confirmHealth(examiner: Examiner, check: HealthCheck, signal?: AbortSignal): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const failure = await failureOf(examiner, check, signal);
    if (failure === undefined) return;
    if (attempt > check.retries) throw unhealthy(check, attempt, placed(failure, check, examiner));
    await pause(examiner, check.interval, signal);
  }
}

async function pause({ clock }: Examiner, milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await clock.sleep(milliseconds, signal);
  } catch (cause) {
    throw new AgentError('interrupted', 'interrupted while waiting for a health check', { cause });
  }
}

/** How an attempt failed, in words that follow the name of the check. */
interface Failure {
  readonly how: string;
  readonly output: string;
}

async function failureOf(
  examiner: Examiner,
  { probe, timeout }: HealthCheck,
  signal: AbortSignal | undefined,
): Promise<Failure | undefined> {
  const limits = { clock: examiner.clock, timeout, ...(signal === undefined ? {} : { signal }) };
  try {
    switch (probe.kind) {
      case 'program':
        return await failureOfCommand(examiner, [probe.path], limits);
      case 'command':
        return await failureOfCommand(examiner, probe.command, limits);
      case 'prepare':
        return await failureOfCommand(inPreview(examiner), probe.command, limits);
      case 'unit':
        return await failureOfUnit(examiner, probe.unit, limits);
    }
  } catch (error) {
    if (!isAgentError(error, 'tool-missing', 'tool-failed')) throw error;
    const cause = error.code === 'tool-failed' ? messageOf(error.details.cause) : '';
    return { how: `cannot be made: ${printable(error.message)}`, output: cause };
  }
}

function inPreview({ exec, preview }: Examiner): { readonly exec: LimitedExec } {
  if (preview === undefined) return { exec };
  return { exec: { runLimited: (program, args, limits) => preview.run([program, ...args], limits) } };
}

async function failureOfCommand(
  { exec }: { readonly exec: LimitedExec },
  [program = '', ...args]: readonly string[],
  limits: RunLimits,
): Promise<Failure | undefined> {
  const { exitCode, output } = await exec.runLimited(program, args, limits);
  if (exitCode === 0) return undefined;
  const late = `took longer than ${durationText(limits.timeout)}`;
  return { how: exitCode === undefined ? late : `failed with exit code ${exitCode}`, output };
}

/** While a unit reloads it is as active as before. */
const wellStates: readonly string[] = ['active', 'reloading', 'refreshing'];

async function failureOfUnit({ exec }: Examiner, unit: string, limits: RunLimits): Promise<Failure | undefined> {
  const state = await settledState(exec, unit, limits);
  if (state === undefined) return { how: `got no answer about ${unit}`, output: '' };
  if (wellStates.includes(state.active)) return undefined;
  const known = state.load !== 'not-found';
  return { how: unitFailure(unit, state, limits), output: known ? await unitStatus(exec, unit, limits) : '' };
}

function unitFailure(unit: string, { load, active, result }: UnitState, { timeout }: RunLimits): string {
  if (load === 'not-found') return `found no unit ${unit}`;
  if (active === 'activating') return `found ${unit} still starting after ${durationText(timeout)}`;
  const why = active === 'failed' && result !== '' ? ` (${result})` : load === 'masked' ? ' (masked)' : '';
  return `found ${unit} ${active}${why}`;
}

function placed(failure: Failure, { probe }: HealthCheck, { preview }: Examiner): Failure {
  if (probe.kind !== 'prepare' || preview === undefined) return failure;
  return { ...failure, how: `${failure.how} in the prepared tree, which nobody saw` };
}

function unhealthy(check: HealthCheck, attempts: number, { how, output }: Failure): AgentError {
  const tried = attempts === 1 ? '' : `, in ${attempts} attempts`;
  return new AgentError('rolled-back', `the health check ${checkTitle(check)} ${how}${tried}`, {
    facts: lastLines(output),
    next: 'Look into what the check says. To try the same again: install it with --retry.',
  });
}
