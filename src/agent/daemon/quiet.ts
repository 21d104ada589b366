import type { Clock } from '../../host/clock.ts';

export interface QuietLimits {
  /** How long nothing must have changed, in milliseconds. */
  readonly after: number;
  /** How long changes are waited for that do not end, in milliseconds. */
  readonly atMost: number;
}

/** Makes one event of many that come close together. Between them nothing waits: there is no timer. */
export class Quiet implements Disposable {
  readonly #clock: Clock;
  readonly #limits: QuietLimits;
  readonly #settled: () => void;
  readonly #ended = new AbortController();
  #last: number | undefined;

  /** @param settled is called when changes have come to rest. */
  constructor(clock: Clock, limits: QuietLimits, settled: () => void) {
    this.#clock = clock;
    this.#limits = limits;
    this.#settled = settled;
  }

  /** Something changed just now. */
  note(): void {
    const waits = this.#last !== undefined;
    this.#last = this.#clock.monotonic();
    if (!waits && !this.#ended.signal.aborted) void this.#wait(this.#last);
  }

  [Symbol.dispose](): void {
    this.#ended.abort();
  }

  async #wait(first: number): Promise<void> {
    const { after, atMost } = this.#limits;
    for (;;) {
      const left = Math.min((this.#last ?? first) + after, first + atMost) - this.#clock.monotonic();
      if (left <= 0) break;
      try {
        await this.#clock.sleep(left, this.#ended.signal);
      } catch {
        return;
      }
    }
    this.#last = undefined;
    this.#settled();
  }
}
