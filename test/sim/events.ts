interface Event {
  readonly time: number;
  /** Of events at the same time the one that was planned first comes first. */
  readonly order: number;
  readonly happen: () => void;
}

/** What is to happen, in the order of time: nobody waits for it. Times are in milliseconds. */
export class Events {
  #now: number;
  #planned = 0;
  /** A heap: none comes before the one at half its index. */
  readonly #heap: Event[] = [];

  constructor(begin: number) {
    this.#now = begin;
  }

  get now(): number {
    return this.#now;
  }

  /** Plans something; what lies in the past happens next. */
  at(time: number, happen: () => void): void {
    this.#heap.push({ time: Math.max(time, this.#now), order: this.#planned++, happen });
    this.#rise(this.#heap.length - 1);
  }

  /** Lets a process go on that tells how many milliseconds it waits each time, until it ends. */
  follow<T>(process: Generator<number, T>, ended: (result: T) => void): void {
    const { done, value } = process.next();
    if (done === true) ended(value);
    else {
      this.at(this.#now + value, () => {
        this.follow(process, ended);
      });
    }
  }

  /** Lets everything happen, until there is nothing more or someone has seen enough. */
  run(enough: () => boolean): void {
    for (let next = this.#take(); next !== undefined; next = this.#take()) {
      this.#now = next.time;
      next.happen();
      if (enough()) return;
    }
  }

  #take(): Event | undefined {
    const [first] = this.#heap;
    const last = this.#heap.pop();
    if (first === undefined || last === undefined || this.#heap.length === 0) return first;
    this.#heap[0] = last;
    this.#sink(0);
    return first;
  }

  #rise(index: number): void {
    const above = (index - 1) >> 1;
    if (index === 0 || this.#isBefore(above, index)) return;
    this.#swap(index, above);
    this.#rise(above);
  }

  #sink(index: number): void {
    const [left, right] = [2 * index + 1, 2 * index + 2];
    if (left >= this.#heap.length) return;
    const below = right < this.#heap.length && this.#isBefore(right, left) ? right : left;
    if (this.#isBefore(index, below)) return;
    this.#swap(index, below);
    this.#sink(below);
  }

  #isBefore(index: number, other: number): boolean {
    const [a, b] = [this.#heap[index], this.#heap[other]];
    if (a === undefined || b === undefined) return a !== undefined;
    return a.time === b.time ? a.order < b.order : a.time < b.time;
  }

  #swap(index: number, other: number): void {
    const [a, b] = [this.#heap[index], this.#heap[other]];
    if (a === undefined || b === undefined) return;
    [this.#heap[index], this.#heap[other]] = [b, a];
  }
}
