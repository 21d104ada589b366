import { openHistory } from './history.ts';
import type { Agent } from './agent.ts';
import type { InstalledExtension, OperationRecord, StepRecord } from './records.ts';
import { noOperation, setAt } from './rollback.ts';

/** The latest operations, newest first. Nothing is written. */
export function latestOperations(agent: Agent, limit: number): OperationRecord[] {
  using history = openHistory(agent.paths.history, { writable: false });
  return history.operations(limit);
}

/** All that is known of one operation. */
export interface OperationAccount {
  readonly operation: OperationRecord;
  readonly steps: readonly StepRecord[];
  /** The set that it led to, was to lead to, or that was in force when it had ended. */
  readonly set: readonly InstalledExtension[];
  readonly parent: number | undefined;
}

/** @throws AgentError `usage` where the history has no operation of this number. */
export function accountOf(agent: Agent, number: number): OperationAccount {
  using history = openHistory(agent.paths.history, { writable: false });
  const operation = history.operation(number);
  if (operation === undefined) throw noOperation(number);
  const { extensions: set } = setAt(history, number);
  return { operation, steps: history.steps(number), set, parent: history.generation(number)?.parent };
}
