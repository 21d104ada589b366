import { ReplyError } from './errors.ts';
import { busName, ownerChanges, ruleOf, type Signal } from './match.ts';
import { nothing, several, single, text, type Decoder } from './values.ts';

/** Calls a method of the bus itself that takes one text. */
export type AskBus = <T>(member: string, argument: string, reply: Decoder<T>) => Promise<T>;

interface Used<T> {
  uses: number;
  readonly ready: Promise<T>;
}

/** The match rules of one connection: each is added once, and removed when its last user leaves. */
export class MatchRules {
  readonly #ask: AskBus;
  readonly #rules = new Map<string, Used<undefined>>();

  constructor(ask: AskBus) {
    this.#ask = ask;
  }

  /** Adds the rule, unless it is there. */
  async use(rule: string): Promise<void> {
    const used = this.#rules.get(rule) ?? { uses: 0, ready: this.#ask('AddMatch', rule, nothing) };
    used.uses += 1;
    this.#rules.set(rule, used);
    await used.ready;
  }

  /** Removes the rule, unless others use it. The bus takes calls in their order: this one comes after that of use(). */
  async leave(rule: string): Promise<void> {
    const used = this.#rules.get(rule);
    if (used === undefined) return;
    used.uses -= 1;
    if (used.uses > 0) return;
    this.#rules.delete(rule);
    await this.#ask('RemoveMatch', rule, nothing);
  }
}

interface Owner {
  uses: number;
  /** The unique name; undefined while nobody owns it. */
  unique?: string | undefined;
  /** The bus told of a change, which is newer than its answer to our question. */
  hasChanged: boolean;
  ready?: Promise<void>;
}

/** Who owns the names that signals come from, followed as it changes. */
export class NameOwners {
  readonly #ask: AskBus;
  readonly #rules: MatchRules;
  readonly #owners = new Map<string, Owner>();

  constructor(ask: AskBus, rules: MatchRules) {
    this.#ask = ask;
    this.#rules = rules;
  }

  /** The unique name of who sends in the name of `name` now. */
  of(name: string): string | undefined {
    return isSettled(name) ? name : this.#owners.get(name)?.unique;
  }

  async follow(name: string): Promise<void> {
    if (isSettled(name)) return;
    const owner = this.#owners.get(name) ?? { uses: 0, hasChanged: false };
    owner.uses += 1;
    this.#owners.set(name, owner);
    owner.ready ??= this.#begin(name, owner);
    await owner.ready;
  }

  async leave(name: string): Promise<void> {
    const owner = this.#owners.get(name);
    if (owner === undefined) return;
    owner.uses -= 1;
    if (owner.uses > 0) return;
    this.#owners.delete(name);
    await this.#rules.leave(ruleOf(ownerChanges(name)));
  }

  /** Takes note of a signal; returns the name that has a new owner by it. */
  note({ sender, member, signature, body }: Signal): string | undefined {
    if (sender !== busName || member !== 'NameOwnerChanged' || signature !== 'sss') return undefined;
    const [name, , unique] = several(text, text, text).decode(body);
    const owner = this.#owners.get(name);
    if (owner === undefined) return undefined;
    owner.hasChanged = true;
    owner.unique = unique === '' ? undefined : unique;
    return owner.unique === undefined ? undefined : name;
  }

  async #begin(name: string, owner: Owner): Promise<void> {
    await this.#rules.use(ruleOf(ownerChanges(name)));
    const unique = await this.#askOwner(name);
    if (!owner.hasChanged) owner.unique = unique;
  }

  async #askOwner(name: string): Promise<string | undefined> {
    try {
      return await this.#ask('GetNameOwner', name, single(text));
    } catch (error) {
      if (error instanceof ReplyError && error.errorName === `${busName}.Error.NameHasNoOwner`) return undefined;
      throw error;
    }
  }
}

/** The bus itself, and unique names: they never have another owner. */
function isSettled(name: string): boolean {
  return name === busName || name.startsWith(':');
}
