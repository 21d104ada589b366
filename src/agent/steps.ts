import { AgentError, messageOf } from '../core/errors.ts';

/** One change of the host: what it does, in words, how to do it, and how to take it back. */
export interface Step {
  readonly description: string;
  do(): void | Promise<void>;
  /** Takes back what do() did; a step without it leaves nothing that must be taken back. */
  undo?(): void | Promise<void>;
  /** Whether do() can fail half-way: undo() then takes back what there is, all of it, a part or nothing. */
  readonly halves?: boolean;
}

/**
 * Does the steps in order. Where one fails, those done before it are undone in reverse, and the failure is thrown with a
 * word on what is left; a step that can fail half-way is undone as well. An interruption takes effect when the step that
 * is under way has ended, also where that is the last one.
 */
export async function runSteps(steps: readonly Step[], signal?: AbortSignal): Promise<void> {
  const done: Step[] = [];
  const orUndone = async () => {
    if (signal?.aborted === true) throw await undone(new AgentError('interrupted', 'interrupted'), done);
  };
  for (const step of steps) {
    await orUndone();
    try {
      await step.do();
    } catch (error) {
      throw await undone(error, step.halves === true ? [...done, step] : done);
    }
    done.push(step);
  }
  await orUndone();
}

/** What is known of a failure besides its message, for below that. */
function whyOf(failure: unknown): string[] {
  return failure instanceof AgentError ? (failure.details.facts ?? []).map((fact) => `  ${fact}`) : [];
}

async function undone(error: unknown, done: readonly Step[]): Promise<unknown> {
  const failures: string[] = [];
  for (const step of done.toReversed()) {
    try {
      await step.undo?.();
    } catch (failure) {
      failures.push(`could not undo "${step.description}": ${messageOf(failure)}`, ...whyOf(failure));
    }
  }
  if (!(error instanceof AgentError)) return error;
  if (failures.length === 0) {
    const changed = done.some((step) => step.undo !== undefined);
    return error.with({ left: changed ? 'Everything is as it was before.' : 'Nothing was changed.' });
  }
  return error.with({
    facts: [...(error.details.facts ?? []), ...failures],
    left: 'Not everything could be put back as it was.',
    next: 'See `sysext-agent status` for what is merged now; `sysext-agent refresh` merges again.',
  });
}
