/** What a server has to do, second by second. Times are in milliseconds. */
export class Traffic {
  readonly #requests = new Map<number, number>();
  readonly #bytes = new Map<number, number>();

  /** Requests that come in one second. */
  ask(time: number, count: number): void {
    add(this.#requests, second(time), count);
  }

  /** Bytes that go out evenly for a time. */
  send(time: number, duration: number, bytes: number): void {
    const [first, last] = [second(time), second(time + duration)];
    for (let one = first; one <= last; one++) add(this.#bytes, one, bytes / (last - first + 1));
  }

  /** What was done between two times. */
  between(begin: number, end: number): Load {
    const within = (counts: ReadonlyMap<number, number>) =>
      [...counts].filter(([time]) => time >= second(begin) && time < second(end));
    const [requests, bytes] = [within(this.#requests), within(this.#bytes)];
    return {
      requests: sum(requests),
      peakRequests: largest(requests),
      hourlyRequests: largest(perHour(requests)) / 3600,
      bytes: sum(bytes),
      peakBytes: largest(bytes),
    };
  }
}

export interface Load {
  readonly requests: number;
  /** In the busiest second. */
  readonly peakRequests: number;
  /** In a second of the busiest hour, on average. */
  readonly hourlyRequests: number;
  readonly bytes: number;
  /** In the busiest second. */
  readonly peakBytes: number;
}

type Counts = readonly (readonly [time: number, count: number])[];

function second(time: number): number {
  return Math.floor(time / 1000);
}

function add(counts: Map<number, number>, key: number, count: number): void {
  if (count > 0) counts.set(key, (counts.get(key) ?? 0) + count);
}

function sum(counts: Counts): number {
  return counts.reduce((total, [, count]) => total + count, 0);
}

function largest(counts: Counts): number {
  return counts.reduce((most, [, count]) => Math.max(most, count), 0);
}

function perHour(counts: Counts): Counts {
  const hours = new Map<number, number>();
  for (const [time, count] of counts) add(hours, Math.floor(time / 3600), count);
  return [...hours];
}
