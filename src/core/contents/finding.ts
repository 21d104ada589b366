/**
 * How much a finding weighs: `refuse` is never installed, unless the rule is allowed by name and may be; `ask` is
 * installed only where it is allowed; `tell` is only said.
 */
export type Severity = 'refuse' | 'ask' | 'tell';

/** What a rule about the contents of an image found. */
export interface Finding {
  /** The rule's identifier, for allowing it and for the record: `setuid`, `missing-library`. */
  readonly rule: string;
  readonly severity: Severity;
  /** The paths it is about, absolute, sorted by their bytes; empty where it is about the image as a whole. */
  readonly paths: readonly string[];
  /** What is so and what follows, as a clause: "/usr/bin/jq needs libonig.so.5, which neither the image nor this host has". */
  readonly message: string;
  /** What can be done about it, as a sentence. */
  readonly remedy: string;
}
