import { AgentError } from '../../../core/errors.ts';

/** How many different questions may wait. */
export const waitingReads = 64;

/**
 * Answers questions one after the other. Who asks what is asked already, and was not begun, gets the same answer: however
 * many ask, the host is looked at once for all of them.
 */
export class Reads {
  readonly #waiting = new Map<string, Promise<unknown>>();
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param question the same text for the same `look`.
   * @throws AgentError `busy`, and what `look` throws.
   */
  async ask<T>(question: string, look: () => Promise<T>): Promise<T> {
    const asked = this.#waiting.get(question) as Promise<T> | undefined;
    if (asked !== undefined) return asked;
    if (this.#waiting.size >= waitingReads) {
      throw new AgentError('busy', 'too many questions wait already', { next: 'Ask again later.', retryable: true });
    }
    const answer = this.#after(this.#last, question, look);
    this.#waiting.set(question, answer);
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #after<T>(before: Promise<unknown>, question: string, look: () => Promise<T>): Promise<T> {
    await before;
    this.#waiting.delete(question);
    return look();
  }
}
