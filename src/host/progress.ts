/** Where long work says how far it is; the command line draws it, tests count it. */
export interface Progress {
  /** A step begins, in a few words: "reading the package lists". */
  step(message: string): void;
  /** `total` more bytes are expected. */
  expect(bytes: number): void;
  /** This many bytes have arrived since the last call. */
  advance(bytes: number): void;
  /** This many of those that are expected need not come: they say nothing of how fast others do. */
  found(bytes: number): void;
  /** Something the user should know that is no failure. */
  warn(message: string): void;
}

export const silent: Progress = {
  step: () => undefined,
  expect: () => undefined,
  advance: () => undefined,
  found: () => undefined,
  warn: () => undefined,
};
