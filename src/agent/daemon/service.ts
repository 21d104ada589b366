import { messages } from '../../core/messages.ts';
import type { Clock } from '../../host/clock.ts';
import { fileStatus, listNames, readTextIfAny } from '../../host/files.ts';
import type { Log } from '../../host/log.ts';
import { belowRoot } from '../../host/root.ts';
import { watchPaths } from '../../host/watch.ts';
import type { Notifier } from '../../systemd/notify.ts';
import type { Agent } from '../agent.ts';
import { fleetDirectories } from '../configuration-directories.ts';
import type { WaitingChanges } from '../fleet/state.ts';
import { pathsBelow } from '../paths.ts';
import { Loop, ownReasons } from './loop.ts';
import type { Narration } from './narration.ts';
import { pass, type PassImages } from './pass.ts';
import { quietLimits, watchConfiguration } from './watched-configuration.ts';

export interface ServiceParts extends PassImages {
  readonly root: string;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly notifier: Notifier;
  readonly narration: Narration;
  /** Are told what the narration is told, as far as they care. Must not throw. */
  readonly audiences: readonly Partial<Pick<Narration, 'done' | 'failed' | 'entered'>>[];
  /** The agent for one piece of work. @param reason why it is done, for the history. */
  agentFor(signal: AbortSignal, reason: string): Agent;
}

/** The loop, with what tells its own traces from those of others. */
export interface Service {
  readonly loop: Loop;
  /** Whether the history is as the loop left it when it had last done something. */
  wasOurs(): boolean;
}

/** The loop of the service: what it reconciles with, and what it tells. */
export function serviceLoop(parts: ServiceParts): Service {
  const { root, clock, random, narration, audiences } = parts;
  const note = pathsBelow(root).historyNote;
  let own = readTextIfAny(note);
  let waited: WaitingChanges | undefined;
  const loop = new Loop({
    clock,
    random,
    reconcile: async (signal, reasons) => {
      await untilWritten(root, clock, signal);
      const agent = parts.agentFor(signal, reasons.join(', '));
      const known = reasons.every(isOwnReason) ? waited : undefined;
      waited = undefined;
      const { report, ...outcome } = await pass(agent, parts, signal, known);
      waited = report.waiting;
      narration.done(report);
      for (const audience of audiences) audience.done?.(report);
      return outcome;
    },
    failed: (error) => {
      narration.failed(error);
      for (const audience of audiences) audience.failed?.(error);
    },
    changed: (state) => {
      if (state.kind !== 'working') own = readTextIfAny(note);
      narration.entered(state);
      for (const audience of audiences) audience.entered?.(state);
    },
  });
  return { loop, wasOurs: () => readTextIfAny(note) === own };
}

function isOwnReason(reason: string): boolean {
  return Object.values<string>(ownReasons).includes(reason);
}

/**
 * Runs the service until the signal aborts. What is under way then is undone, or finished where it cannot be; whatever
 * is left is the next start's.
 */
export async function runService(parts: ServiceParts, service: Service, stop: AbortSignal): Promise<void> {
  const { clock, notifier, log } = parts;
  const { loop } = service;
  await using watching = await watchConfiguration(
    { ...parts, watch: watchPaths },
    {
      poke: (reason) => {
        loop.poke(reason);
      },
      wasOurs: () => service.wasOurs(),
    },
  );
  loop.poke('the service started');
  await notifier.tell('READY=1');
  log.tell(messages.started);
  void keepAlive(clock, notifier, stop);
  await loop.run(stop);
  await notifier.tell('STOPPING=1', 'STATUS=');
  log.tell(messages.stopped);
}

/** Waits until no drop-in was written to just now: it may be half of what it is to be. */
async function untilWritten(root: string, clock: Clock, signal: AbortSignal): Promise<void> {
  const end = clock.monotonic() + quietLimits.atMost;
  while (clock.monotonic() < end) {
    const age = clock.now().getTime() - lastWritten(root);
    if (age < 0 || age >= quietLimits.after) return;
    await clock.sleep(quietLimits.after - age, signal);
  }
}

/** In milliseconds since the epoch. */
function lastWritten(root: string): number {
  const files = fleetDirectories.flatMap((directory) => {
    const real = belowRoot(root, directory);
    return listNames(real).map((name) => fileStatus(`${real}/${name}`)?.mtimeMs ?? 0);
  });
  return Math.max(0, ...files);
}

async function keepAlive(clock: Clock, notifier: Notifier, stop: AbortSignal): Promise<void> {
  const { watchdog } = notifier;
  if (watchdog === undefined) return;
  try {
    for (;;) {
      await clock.sleep(watchdog, stop);
      await notifier.tell('WATCHDOG=1');
    }
  } catch {
    // The service ends.
  }
}
