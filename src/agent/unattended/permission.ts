import { AgentError, isAgentError, messageOf } from '../../core/errors.ts';
import { windowAt, type MaintenanceWindow } from '../../core/windows.ts';
import { localZone } from '../../host/local-zone.ts';
import { lockHolder, takeLock } from '../../host/lock.ts';
import { shareOfHost } from '../../systemd/machine-id.ts';
import type { Agent } from '../agent.ts';
import { readSettings } from '../settings.ts';
import { giveSlotBack, mayHaveSlot, takeSlot } from './lease.ts';

/** Why a change that nobody typed is not made now. */
export interface Delay {
  readonly reason: string;
  /** When it can be made at the earliest; left out where only asking again tells. */
  readonly until?: Date;
}

/** Leave to make changes that nobody typed, until it is disposed of; or why there is none. */
export type Permission = AsyncDisposable &
  ({ readonly granted: true } | { readonly granted: false; readonly delay: Delay });

const nothingToEnd = { [Symbol.asyncDispose]: () => Promise.resolve() };

/** For what a person asks for. */
export const attended: Permission = { ...nothingToEnd, granted: true };

/**
 * Asks whether changes may be made now that nobody typed: a maintenance window must be open, and the fleet lock, where one
 * is configured, have a slot for this host. docs/windows.md says what is asked for.
 * @throws AgentError `invalid-config`, `interrupted`
 */
export async function permissionNow(agent: Agent): Promise<Permission> {
  const { windows, fleetLock } = await readSettings(agent.root);
  const delay = delayOf(agent, windows);
  if (delay !== undefined) return refused(delay);
  if (fleetLock === undefined) return attended;
  try {
    const turn = await takeLeaseLock(agent);
    return await withSlot(agent, turn, () => takeSlot(agent, fleetLock));
  } catch (error) {
    if (!isAgentError(error) || isAgentError(error, 'interrupted')) throw error;
    return refused({ reason: messageOf(error) });
  }
}

/**
 * Why no window is open now, for what takes long to be prepared and is not to be begun before.
 * @throws AgentError `invalid-config`
 */
export async function windowDelay(agent: Agent): Promise<Delay | undefined> {
  return delayOf(agent, (await readSettings(agent.root)).windows);
}

/** Hosts that have the same windows begin one after the other. */
function delayOf({ root, clock }: Agent, windows: readonly MaintenanceWindow[]): Delay | undefined {
  const host = { zone: localZone, share: () => shareOfHost(root) };
  const window = windowAt(windows, clock.now(), host);
  return window.open ? undefined : { reason: window.reason, until: window.next };
}

function refused(delay: Delay): Permission {
  return { ...nothingToEnd, granted: false, delay };
}

async function withSlot(agent: Agent, turn: Disposable, take: () => Promise<void>): Promise<Permission> {
  try {
    await take();
  } catch (error) {
    turn[Symbol.dispose]();
    throw error;
  }
  return {
    granted: true,
    [Symbol.asyncDispose]: async () => {
      using _ = turn;
      await returned(agent);
    },
  };
}

/**
 * Gives back a slot of the fleet lock that a killed process had, or that could not be given back before.
 * @returns whether none is left to give back.
 */
export async function settleSlot(agent: Agent): Promise<boolean> {
  if (!mayHaveSlot(agent)) return true;
  try {
    using _ = await takeLeaseLock(agent);
    return await returned(agent);
  } catch (error) {
    if (isAgentError(error, 'busy')) return false;
    throw error;
  }
}

/** What cannot be given back now is given back later: the note on disk stays. The end of the process hinders nothing. */
async function returned(agent: Agent): Promise<boolean> {
  try {
    await giveSlotBack({ ...agent, signal: new AbortController().signal });
    return true;
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return false;
  }
}

/** One process at a time has to do with the slot of this host. */
async function takeLeaseLock({ paths, actor }: Agent): Promise<Disposable> {
  try {
    return await takeLock(paths.fleetLockTurn, { holder: actor.command, waitSeconds: 0, signal: undefined });
  } catch (error) {
    if (!isAgentError(error, 'busy')) throw error;
    throw new AgentError(
      'busy',
      `${lockHolder(paths.fleetLockTurn) ?? 'another process'} has the slot of the fleet lock`,
    );
  }
}
