import { AgentError } from '../../core/errors.ts';
import type { Clock } from '../../host/clock.ts';
import type { Exec } from '../../host/exec.ts';
import { lastLines, unitStates, type UnitState } from '../../systemd/manager.ts';

interface Tools {
  readonly exec: Exec;
  readonly clock: Clock;
}

/** How long units may take to come up, and how long they must stay up to have come up, in milliseconds. */
const patience = 30_000;
const probation = 1000;
const pause = 100;

/**
 * Looks whether units could be loaded, and whether those that were started stay up.
 * @throws AgentError `rolled-back` with the state of the first that is not well, and with its last lines.
 */
export async function requireUnitsUp(
  tools: Tools,
  loaded: readonly string[],
  running: readonly string[],
): Promise<void> {
  for (const unit of await unitStates(tools.exec, loaded)) await refuse(tools, unit, loadFailure(unit));
  if (running.length === 0) return;
  const first = await settled(tools, running);
  for (const unit of first) await refuse(tools, unit, failureOf(unit));
  await tools.clock.sleep(probation);
  for (const unit of await unitStates(tools.exec, running)) {
    const before = first.find(({ names }) => names[0] === unit.names[0]);
    await refuse(tools, unit, failureOf(unit) ?? restartOf(unit, before));
  }
}

/** The states of units when none is on its way any more, or the time is over. */
async function settled({ exec, clock }: Tools, units: readonly string[]): Promise<UnitState[]> {
  const end = clock.monotonic() + patience;
  for (;;) {
    const states = await unitStates(exec, units);
    if (!states.some(isOnItsWay) || clock.monotonic() > end) return states;
    await clock.sleep(pause);
  }
}

function isOnItsWay({ active, sub }: UnitState): boolean {
  return (active === 'activating' && sub !== 'auto-restart') || active === 'reloading' || active === 'deactivating';
}

function loadFailure({ load }: UnitState): string | undefined {
  return load === 'bad-setting' || load === 'error' ? `cannot be loaded: ${load}` : undefined;
}

function failureOf({ active, sub, result }: UnitState): string | undefined {
  if (active === 'failed') return `failed: ${result}`;
  if (active !== 'activating') return undefined;
  return sub === 'auto-restart' ? `ended and waits to be started again: ${result}` : 'does not come up';
}

/** One that ends right away and is started again looks well at most instants. */
function restartOf({ invocation, restarts }: UnitState, before: UnitState | undefined): string | undefined {
  const another = before !== undefined && before.invocation !== '' && before.invocation !== invocation;
  return another || restarts > (before?.restarts ?? 0) ? 'ended within a second and was started again' : undefined;
}

async function refuse({ exec }: Tools, { names: [unit = ''] }: UnitState, failure: string | undefined): Promise<void> {
  if (failure === undefined) return;
  throw new AgentError('rolled-back', `the unit ${unit} ${failure}`, {
    facts: await lastLines(exec, unit),
    next: 'Look into what it says. To try the same again: install it with --retry.',
  });
}
