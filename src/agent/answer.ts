/** What a check of `doctor` finds: without a problem one sentence that says so. */
export interface Answer {
  readonly ok: boolean;
  /** Without a full stop. */
  readonly sentence: string;
  /** What to do about a problem: a command, or a sentence. */
  readonly next?: string;
}

export function fine(sentence: string): Answer {
  return { ok: true, sentence };
}

export function problem(sentence: string, next?: string): Answer {
  return { ok: false, sentence, ...(next === undefined ? {} : { next }) };
}
