import { AgentError } from '../core/errors.ts';
import { lastLines } from '../core/health.ts';
import type { Preview } from '../systemd/drivers/driver.ts';
import { swapFailed } from '../systemd/drivers/swap.ts';
import type { Agent } from './agent.ts';
import { confirmHealth } from './health.ts';
import type { Inspect } from './merging.ts';
import type { Inspection } from './plan.ts';

interface Inspector extends Pick<Agent, 'exec' | 'clock' | 'tool'> {
  /** What is to be told. */
  readonly warnings: string[];
}

/**
 * Looks at the units that come, and makes the health checks that are meant for what is prepared. Where nothing is, units are
 * left to the step that starts them, and checks are made on what is merged.
 * @throws AgentError `rolled-back` from the result, where a unit cannot be loaded or a check fails.
 */
export function inspecting(
  inspector: Inspector,
  { checks, units }: Inspection,
  signal: AbortSignal | undefined,
): Inspect {
  return async (preview) => {
    if (preview !== undefined) inspector.warnings.push(...(await verifyUnits(inspector, preview, units, signal)));
    const examiner = { ...inspector, ...(preview === undefined ? {} : { preview }) };
    for (const check of checks) await confirmHealth(examiner, check, signal);
  };
}

/** How long systemd-analyze may take, in milliseconds. */
const patience = 30_000;

/** `--recursive-errors=` is known from then on (systemd-analyze(1)): without it the units of the whole host are judged. */
const oldestSystemd = 250;

/** As systemd-analyze(1) says it of a unit that the manager would not load. */
const unloadable = /^Unit (\S+) has a bad unit file setting\.$/m;

/** What is wrong with units, in words. */
async function verifyUnits(
  { clock, tool }: Inspector,
  preview: Preview,
  units: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const { version } = await tool.features();
  if (units.length === 0 || version.major < oldestSystemd) return [];
  const argv = ['systemd-analyze', 'verify', '--man=no', '--recursive-errors=no', '--', ...units];
  const limits = { clock, timeout: patience, ...(signal === undefined ? {} : { signal }) };
  const { exitCode, output } = await preview.run(argv, limits);
  // Not every host has it.
  if (exitCode === undefined || exitCode === swapFailed) return [];
  const unit = unloadable.exec(output)?.[1];
  if (unit !== undefined) throw cannotBeLoaded(unit, output);
  return lastLines(output).map((line) => `systemd-analyze verify: ${line}`);
}

function cannotBeLoaded(unit: string, output: string): AgentError {
  return new AgentError('rolled-back', `the unit ${unit} cannot be loaded`, {
    facts: lastLines(output),
    next: 'Look into what systemd-analyze says. To try the same again: install it with --retry.',
  });
}
