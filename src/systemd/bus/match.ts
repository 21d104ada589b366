/** The name of the bus itself: only the bus can send in this name. */
export const busName = 'org.freedesktop.DBus';
export const busPath = '/org/freedesktop/DBus';

/** Which signals are meant. */
export interface SignalMatch {
  /** Who sends them: a name of the bus, whoever owns it at the time. */
  readonly sender: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** The first argument, where only signals with this one are meant. */
  readonly argument?: string;
}

/** A signal as it comes. */
export interface Signal {
  /** The unique name of its sender, as the bus says. */
  readonly sender: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature: string;
  readonly body: unknown;
}

/** The rule by which the bus sends us these signals (D-Bus specification, "Match Rules"). */
export function ruleOf(match: SignalMatch): string {
  const keys = { sender: match.sender, path: match.path, interface: match.interface, member: match.member };
  return Object.entries({ type: 'signal', ...keys, ...(match.argument === undefined ? {} : { arg0: match.argument }) })
    .map(([key, value]) => `${key}='${value.replaceAll("'", String.raw`'\''`)}'`)
    .join(',');
}

/**
 * Whether a signal that came is one of these. Anyone may send a signal to us alone, which no rule has to match: the
 * sender is compared too.
 * @param owner the unique name of the one who owns the name `match.sender` now.
 */
export function isMeant(match: SignalMatch, owner: string | undefined, signal: Signal): boolean {
  return (
    signal.sender === owner &&
    signal.path === match.path &&
    signal.interface === match.interface &&
    signal.member === match.member &&
    (match.argument === undefined || firstArgument(signal) === match.argument)
  );
}

function firstArgument({ body }: Signal): unknown {
  return Array.isArray(body) ? (body as readonly unknown[])[0] : undefined;
}

/** The signals by which the bus tells that a name has another owner. */
export function ownerChanges(name: string): SignalMatch {
  return { sender: busName, path: busPath, interface: busName, member: 'NameOwnerChanged', argument: name };
}
