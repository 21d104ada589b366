import { isAgentError, messageOf } from '../../core/errors.ts';
import { messages } from '../../core/messages.ts';
import { renderProblem, type Problem } from '../../core/problems.ts';
import type { Log } from '../../host/log.ts';
import type { Notifier } from '../../systemd/notify.ts';
import type { FleetReport } from '../fleet/reconcile.ts';
import { waitingText, type WaitingChanges } from '../fleet/state.ts';
import type { ExtensionChange } from '../records.ts';
import type { LoopState } from './loop.ts';

/** What the service tells of its work, in the journal and in its status line: everything once, until it changes. */
export class Narration {
  readonly #log: Log;
  readonly #notifier: Notifier;
  #problems: ReadonlySet<string> = new Set();
  #failure: string | undefined;
  #guard: string | undefined;
  #waiting: string | undefined;
  #merged: readonly string[] = [];
  #status = '';

  constructor(log: Log, notifier: Notifier) {
    this.#log = log;
    this.#notifier = notifier;
  }

  /** A reconciliation came to its end. */
  done({ problems, guard, waiting, extensions, warnings, merged }: FleetReport): void {
    this.#tellProblems(new Set(problems.map((problem) => inOneLine(problem))));
    if (guard !== undefined && guard.message !== this.#guard) {
      this.#log.tell(messages.guarded, { extensions: guard.names, why: guard.message, next: guard.next });
    }
    this.#guard = guard?.message;
    this.#tellWaiting(waiting);
    this.#failure = undefined;
    this.#merged = merged;
    if (extensions.length === 0) return;
    const named = (change: ExtensionChange['change']) =>
      extensions.filter((one) => one.change === change).map(({ name, version }) => `${name} ${version}`.trim());
    this.#log.tell(messages.changed, {
      installed: named('added'),
      replaced: named('replaced'),
      removed: named('removed'),
      merged,
    });
    for (const warning of warnings) this.#log.tell(messages.warning, { what: warning });
  }

  /** A reconciliation failed as a whole. */
  failed(error: unknown): void {
    const why = messageOf(error);
    if (why !== this.#failure) {
      const details = isAgentError(error) ? error.details : {};
      const { left, next, facts } = details;
      const problems = details.problems?.map((problem) => inOneLine(problem));
      const message = isAgentError(error, 'rolled-back') ? messages.rolledBack : messages.failed;
      this.#log.tell(message, { error: why, facts, problems, left, next });
    }
    this.#failure = why;
  }

  /** Something that takes time has begun. */
  progress(what: string): void {
    this.#log.tell(messages.progress, { what });
    this.#tellStatus(what);
  }

  /** The loop does something else now. */
  entered(state: LoopState): void {
    if (state.kind === 'working' && state.what !== 'reconcile') this.#tellStatus(state.what);
    if (state.kind === 'idle') this.#tellStatus(this.#summary());
    if (state.kind === 'waiting' && !state.failed) this.#tellStatus(this.#summary());
    if (state.kind === 'waiting' && state.failed) {
      const time = state.until.toISOString().slice(11, 19);
      this.#tellStatus(`${this.#summary()}; tried again at ${time} UTC`);
    }
  }

  #tellProblems(problems: ReadonlySet<string>): void {
    for (const problem of problems) if (!this.#problems.has(problem)) this.#log.tell(messages.problem, { problem });
    for (const problem of this.#problems) if (!problems.has(problem)) this.#log.tell(messages.solved, { problem });
    this.#problems = problems;
  }

  #tellWaiting(waiting: WaitingChanges | undefined): void {
    const text = waiting === undefined ? undefined : waitingText(waiting, timeText);
    if (waiting !== undefined && text !== this.#waiting) {
      const { names, reason, until } = waiting;
      this.#log.tell(messages.waits, { extensions: names, why: reason, until: until?.toISOString() });
    }
    this.#waiting = text;
  }

  #summary(): string {
    const merged = this.#merged.length === 0 ? 'Nothing is merged' : `Merged: ${this.#merged.join(', ')}`;
    const count = this.#problems.size;
    return [
      merged,
      ...(this.#failure === undefined ? [] : [`the last attempt failed: ${this.#failure}`]),
      ...(count === 0 ? [] : [`${count} problem${count === 1 ? '' : 's'} with drop-ins, see \`sysext-agent status\``]),
      ...(this.#waiting === undefined ? [] : [this.#waiting]),
      ...(this.#guard === undefined ? [] : ['a removal is to be confirmed, see `sysext-agent status`']),
    ].join('; ');
  }

  #tellStatus(status: string): void {
    if (status === this.#status) return;
    this.#status = status;
    void this.#notifier.tell(`STATUS=${status.replaceAll('\n', ' ')}`);
  }
}

/** To the minute: `2026-10-04 02:00 UTC`. */
function timeText(time: Date): string {
  return `${time.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function inOneLine({ position, field, message }: Problem): string {
  return renderProblem({ position, field, message });
}
