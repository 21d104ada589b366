import type { Agent } from './agent.ts';
import { ancestors } from './ancestors.ts';
import { readAttempts } from './boot-attempts.ts';
import { patience } from './boot-choice.ts';
import { openHistory, type History } from './history.ts';
import type { Generation } from './records.ts';

/** How boots of this host went with the generation in force. */
export interface BootStatus {
  /** The generation in force; undefined where nothing was ever installed. */
  readonly generation: number | undefined;
  /** When a boot with it came up well, for the first time. */
  readonly confirmedAt: Date | undefined;
  /** Boots with it since the last one that came up well, this one counted. */
  readonly attempts: number;
  /** The generation that the host went back from to the one in force, at boot. */
  readonly givenUp: number | undefined;
  /** What people should know of that. */
  readonly notes: readonly string[];
}

/** Tells how boots went. Nothing is written. */
export function bootStatus(agent: Agent): BootStatus {
  using history = openHistory(agent.paths.history, { writable: false });
  const [active] = history.generations(1);
  const noted = readAttempts(agent);
  const attempts = noted !== undefined && noted.generation === active?.number ? noted.attempts : 0;
  const givenUp = givenUpFor(history, active);
  return {
    generation: active?.number,
    confirmedAt: active?.confirmedAt,
    attempts,
    givenUp: givenUp?.number,
    notes: [...givenUpNotes(history, active, givenUp), ...failingNotes(history, active, attempts)],
  };
}

/** Told until something else is installed. */
function givenUpFor(history: History, active: Generation | undefined): Generation | undefined {
  const [parent] = ancestors(history, active);
  return parent?.state === 'given-up' ? parent : undefined;
}

function givenUpNotes(history: History, active: Generation | undefined, givenUp: Generation | undefined): string[] {
  const operation = active === undefined ? undefined : history.operation(active.number);
  if (givenUp === undefined || operation === undefined) return [];
  const reason = operation.reason ?? 'boots with it did not come up well';
  return [`generation ${givenUp.number} was given up on ${operation.startedAt.toISOString()}: ${reason}`];
}

/** In its first boot a generation is not confirmed yet. */
function failingNotes(history: History, active: Generation | undefined, attempts: number): string[] {
  if (active === undefined || attempts < 2) return [];
  if (attempts <= patience) {
    const before = `${attempts - 1} of the last boots with generation ${active.number} were not confirmed`;
    return [`${before}, nor is this one yet: after ${patience} it is given up where one before came up well`];
  }
  const failed = `the last ${attempts} boots with generation ${active.number} were not confirmed`;
  return history.lastConfirmedBoot() === undefined
    ? [`${failed}, and no boot of this host ever was: \`systemctl enable sysext-agent-confirm.service\` lets them be`]
    : [`${failed}, and there is no other set to go back to: see \`systemctl status sysext-agent-confirm.service\``];
}
