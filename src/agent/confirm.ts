import { AgentError, isAgentError } from '../core/errors.ts';
import { messages } from '../core/messages.ts';
import type { Agent } from './agent.ts';
import { readAttempts, writeAttempts } from './boot-attempts.ts';
import { planWith } from './change.ts';
import { recordAsDesired } from './converge.ts';
import { stepRecords } from './apply.ts';
import { confirmHealth } from './health.ts';
import type { History } from './history.ts';
import { alone } from './operation.ts';
import type { PlanStep } from './plan.ts';
import type { Generation } from './records.ts';
import { failureFields } from './tidings.ts';

/** What was confirmed. */
export interface Confirmation {
  /** The generation that this boot came up well with; undefined where only the boot was confirmed. */
  readonly generation: number | undefined;
  /** Why it was not the generation in force; undefined where it was. */
  readonly why: string | undefined;
}

/**
 * Confirms that this boot came up well: what is merged is what the generation in force says, and its health checks pass.
 * Nothing is merged or put in place.
 * @throws AgentError `not-confirmed` where one of that is not so; `busy`.
 */
export async function confirmBoot(agent: Agent): Promise<Confirmation> {
  const { bootId } = agent;
  if (bootId === undefined) {
    throw new AgentError('usage', 'below another root nothing boots', { left: 'Nothing was confirmed.' });
  }
  return toldOf(agent, () => alone(agent, (history) => confirmed(agent, history, bootId)));
}

/** Whether anyone looks at it or not: a boot that is not confirmed counts towards giving the set up. */
async function toldOf({ log }: Agent, work: () => Promise<Confirmation>): Promise<Confirmation> {
  try {
    const confirmation = await work();
    log?.tell(messages.confirmed, { generation: confirmation.generation, why: confirmation.why });
    return confirmation;
  } catch (error) {
    if (isAgentError(error, 'not-confirmed')) log?.tell(messages.notConfirmed, failureFields(error));
    throw error;
  }
}

async function confirmed(agent: Agent, history: History, bootId: string): Promise<Confirmation> {
  const [active] = history.generations(1);
  const why = active === undefined ? 'nothing is installed' : whyOnlyBoot(agent, bootId, active);
  if (active !== undefined && why === undefined) await requireWell(agent, history, active);
  const generation = why === undefined ? active?.number : undefined;
  history.confirmBoot(bootId, generation, agent.clock.now());
  const attempts = readAttempts(agent);
  if (attempts?.bootId === bootId) writeAttempts(agent, { ...attempts, attempts: 0 });
  return { generation, why };
}

/** What came into force since did not have to boot yet. */
function whyOnlyBoot(agent: Agent, bootId: string, { number }: Generation): string | undefined {
  const attempts = readAttempts(agent);
  if (attempts?.bootId !== bootId) return `\`sysext-agent boot\` did not begin this boot`;
  return attempts.generation === number ? undefined : `generation ${number} came into force since it began`;
}

async function requireWell(agent: Agent, history: History, { number, extensions }: Generation): Promise<void> {
  const named = extensions.map(({ name }) => name);
  const made = await planWith(agent, history, extensions, { ...recordAsDesired(extensions), named, confirm: true });
  const missing = made.steps.filter((step) => step.kind !== 'confirm');
  if (missing.length > 0) {
    const facts = stepRecords(agent, { ...made, steps: missing }).map(
      ({ description, reason }) => `${description}, since ${reason}`,
    );
    throw notConfirmed(number, `the host is not as generation ${number} says`, facts);
  }
  for (const step of made.steps) await requireHealth(agent, number, step);
}

async function requireHealth(agent: Agent, number: number, step: PlanStep): Promise<void> {
  if (step.kind !== 'confirm') return;
  try {
    await confirmHealth(agent, step.check, agent.signal);
  } catch (error) {
    if (!isAgentError(error, 'rolled-back')) throw error;
    throw notConfirmed(number, error.message, error.details.facts ?? []);
  }
}

function notConfirmed(number: number, message: string, facts: readonly string[]): AgentError {
  return new AgentError('not-confirmed', message, {
    facts,
    left: `This boot with generation ${number} is not confirmed; nothing was changed.`,
    next: 'See `sysext-agent status`; when it is mended: `sysext-agent confirm`.',
  });
}
