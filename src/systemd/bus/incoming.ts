/** What others ask of us over the bus. */

/** A call that came. It is answered or refused once; who vanished meanwhile gets nothing, and nobody is told. */
export interface IncomingCall {
  /** The unique name of the caller, as the bus says. */
  readonly sender: string;
  readonly path: string;
  /** Absent where the caller leaves it to us. */
  readonly interface: string | undefined;
  readonly member: string;
  readonly signature: string;
  readonly body: unknown;
  /** Whether the arguments were too many to be read: they are left out. */
  readonly isTooLong: boolean;
  /** Whether the caller lets itself be asked for a password. */
  readonly mayInteract: boolean;
  answer(signature: string, body: readonly unknown[]): void;
  refuse(errorName: string, message: string): void;
}

/** A signal of ours, to everyone who listens. */
export interface OutgoingSignal {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature: string;
  readonly body: readonly unknown[];
}

/** What came of asking for a name: it is ours, another has it and we come next, or the bus does not let us have it. */
export type NameState = 'owned' | 'taken' | 'refused';

/** Who answers calls in a name of the bus. Its methods must not throw. */
export interface BusService {
  readonly name: string;
  called(call: IncomingCall): void;
  /** Is told at every new connection. */
  named(state: NameState): void;
}
