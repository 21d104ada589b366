import { isAgentError, messageOf } from '../../core/errors.ts';
import { messages, type Message } from '../../core/messages.ts';
import { inOneLine } from '../../core/problems.ts';
import type { Log } from '../../host/log.ts';
import type { Notifier } from '../../systemd/notify.ts';
import type { FleetReport } from '../fleet/reconcile.ts';
import { waitingText, type WaitingChanges } from '../fleet/state.ts';
import { failureFields, titles } from '../tidings.ts';
import type { LoopState } from './loop.ts';

/** Each event of the journal takes a program of its own: of many problems at a time the rest are plain lines. */
const mostEvents = 20;

const { id, priority, text } = messages.problem;
const plainProblem: Message = { id, priority, text };

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
  done({ problems, guard, waiting, extensions, upgraded = [], warnings, merged }: FleetReport): void {
    this.#tellProblems(new Set(problems.map(inOneLine)));
    if (guard !== undefined && guard.message !== this.#guard) {
      this.#log.tell(messages.guarded, { extensions: guard.names, why: guard.message, next: guard.next });
    }
    this.#guard = guard?.message;
    this.#tellWaiting(waiting);
    this.#failure = undefined;
    this.#merged = merged;
    if (upgraded.length > 0) this.#log.tell(messages.upgraded, { extensions: titles(upgraded) });
    if (extensions.length === 0) return;
    for (const warning of warnings) this.#log.tell(messages.warning, { what: warning });
  }

  /** A reconciliation failed as a whole. */
  failed(error: unknown): void {
    const why = messageOf(error);
    // What was rolled back the operation itself has told.
    if (why !== this.#failure && !isAgentError(error, 'rolled-back')) {
      this.#log.tell(messages.failed, failureFields(error));
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
    const fresh = Array.from(problems).filter((problem) => !this.#problems.has(problem));
    for (const [index, problem] of fresh.entries()) {
      this.#log.tell(index < mostEvents ? messages.problem : plainProblem, { problem });
    }
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
