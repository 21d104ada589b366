import { renderProblem, type Problem } from './problems.ts';

/** Exit codes of the command line, documented in docs/exit-codes.md. */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  notMerged: 3,
  noSuchExtension: 4,
  incompatible: 5,
  verificationFailed: 6,
  contentRefused: 7,
  busy: 8,
  rolledBack: 9,
  drifted: 10,
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Every way the product can fail, and the exit code it ends with: a caller tells errors apart by these, never by text. */
export const exitCodeOf = {
  'access-denied': exitCodes.failed,
  'ambiguous-package': exitCodes.failed,
  'bus-failed': exitCodes.failed,
  'bus-timeout': exitCodes.failed,
  'bus-unavailable': exitCodes.failed,
  busy: exitCodes.busy,
  conflict: exitCodes.failed,
  'content-refused': exitCodes.contentRefused,
  'disk-full': exitCodes.failed,
  held: exitCodes.failed,
  incompatible: exitCodes.incompatible,
  internal: exitCodes.failed,
  interrupted: exitCodes.interrupted,
  'invalid-config': exitCodes.failed,
  'invalid-image': exitCodes.contentRefused,
  'invalid-spec': exitCodes.failed,
  io: exitCodes.failed,
  'merge-failed': exitCodes.failed,
  network: exitCodes.failed,
  'no-such-extension': exitCodes.noSuchExtension,
  'no-such-file': exitCodes.failed,
  'not-confirmed': exitCodes.failed,
  'not-root': exitCodes.failed,
  'read-only': exitCodes.failed,
  'rolled-back': exitCodes.rolledBack,
  'tool-failed': exitCodes.failed,
  'tool-missing': exitCodes.failed,
  'unknown-package': exitCodes.failed,
  unsatisfiable: exitCodes.failed,
  usage: exitCodes.usage,
  'verification-failed': exitCodes.verificationFailed,
} as const;

export type ErrorCode = keyof typeof exitCodeOf;

/**
 * What was not right where something cannot be verified: `malformed` is what cannot be read as what it should be, or is
 * about something else.
 */
export const verifyFaults = ['signature', 'digest', 'untrusted', 'outdated', 'malformed'] as const;

export type VerifyFault = (typeof verifyFaults)[number];

export interface ErrorDetails {
  /** Of `verification-failed`, where it is not `malformed`. */
  readonly unverified?: VerifyFault;
  /** What was left as it was, as a sentence: "Nothing was changed." */
  readonly left?: string;
  /** What the reader can do next, as a sentence. */
  readonly next?: string;
  /** Problems with a place in a file, all of them, in the order of the file. */
  readonly problems?: readonly Problem[];
  /** More lines of fact below the message: expected and found, candidates, the tail of a tool's output. */
  readonly facts?: readonly string[];
  readonly cause?: unknown;
  /** Whether the same call may succeed later without anything being changed. */
  readonly retryable?: boolean;
}

/** An error that a user may see: a code to act on, and sentences that say what failed, on what, and why. */
export class AgentError extends Error {
  override readonly name = 'AgentError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.details = details;
  }

  get exitCode(): ExitCode {
    return exitCodeOf[this.code];
  }

  /** The same error with details added, for the layer that knows what was left or what to do next. */
  with(details: ErrorDetails): AgentError {
    return new AgentError(this.code, this.message, { ...this.details, ...details, cause: this });
  }
}

/** Whether `error` is an AgentError, and (when given) one of these codes. */
export function isAgentError(error: unknown, ...codes: readonly ErrorCode[]): error is AgentError {
  return error instanceof AgentError && (codes.length === 0 || codes.includes(error.code));
}

/** The same error with a word on what was left, where it has none; what is no AgentError stays what it is. */
export function withLeft(error: unknown, left: string): unknown {
  return error instanceof AgentError && error.details.left === undefined ? error.with({ left }) : error;
}

/** The text of any thrown value, in one line. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Renders an error for a terminal: message, problems with their lines, facts, what was left, what to do next. */
export function renderError(error: AgentError): string {
  const { problems = [], facts = [], left, next } = error.details;
  return [
    error.message,
    ...problems.map(renderProblem),
    ...facts.map((fact) => `  ${fact}`),
    ...(left === undefined ? [] : [left]),
    ...(next === undefined ? [] : [next]),
  ].join('\n');
}
