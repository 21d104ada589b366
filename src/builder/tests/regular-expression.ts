import { RE2JS, RE2JSException } from 're2js';

import { callWithin } from '../../host/limited-call.ts';

/** Whether an expression matches somewhere in a text; `too-long` where that takes too long to tell. */
export type Match = boolean | 'too-long';

/** A regular expression that was found to be one. */
export type RegularExpression = (text: string) => Match;

export type Compiled =
  { readonly ok: true; readonly matches: RegularExpression } | { readonly ok: false; readonly problem: string };

/** Longer ones are never meant. */
const longestPattern = 10_000;

/** How long one expression may look at one text, in milliseconds: a thousand times what any sound one needs. */
const longestMatch = 5000;

/**
 * Reads an expression in the syntax of Go's `regexp`, which Dalec uses: that of RE2 (github.com/google/re2/wiki/Syntax).
 * Like RE2 it needs time in proportion to the text, so it has no look-around and no back-references; but a large one can
 * still keep a large text busy for minutes.
 */
export function compileExpression(pattern: string, limit = longestMatch): Compiled {
  if (pattern.length > longestPattern) {
    return { ok: false, problem: `it is longer than ${longestPattern} characters` };
  }
  try {
    const compiled = RE2JS.compile(pattern);
    return {
      ok: true,
      matches: (text) => {
        const match = callWithin(limit, () => compiled.matcher(text).find());
        return match.inTime ? match.value : 'too-long';
      },
    };
  } catch (error) {
    if (error instanceof RE2JSException) return { ok: false, problem: error.message };
    throw error;
  }
}
