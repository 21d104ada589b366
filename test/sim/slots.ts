/** What a FleetLock server does: so many hosts have a slot at a time, and both may be asked for twice. */
export class Slots {
  readonly #count: number;
  readonly #owners = new Set<string>();
  #asked = 0;
  #refused = 0;

  constructor(count: number) {
    this.#count = count;
  }

  take(id: string): boolean {
    this.#asked += 1;
    if (!this.#owners.has(id) && this.#owners.size >= this.#count) {
      this.#refused += 1;
      return false;
    }
    this.#owners.add(id);
    return true;
  }

  giveBack(id: string): void {
    this.#owners.delete(id);
  }

  has(id: string): boolean {
    return this.#owners.has(id);
  }

  get asked(): number {
    return this.#asked;
  }

  get refused(): number {
    return this.#refused;
  }

  get taken(): number {
    return this.#owners.size;
  }
}
