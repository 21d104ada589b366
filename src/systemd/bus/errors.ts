import { AgentError, type ErrorCode, type ErrorDetails } from '../../core/errors.ts';

/** What a call is about, as errors say it. */
export interface Called {
  readonly destination: string;
  readonly member: string;
}

/** A service answered with an error. */
export class ReplyError extends AgentError {
  /** The error's name on the bus: `org.freedesktop.systemd1.NoSuchUnit`. */
  readonly errorName: string;
  /** What it said, in its lines: nothing in them moves a cursor. */
  readonly said: string;

  constructor(called: Called, errorName: string, said: string) {
    const [code, why, details] = meaningOf(errorName);
    super(code, `${nameOf(called)} ${why}`, { ...details, facts: [`${errorName}: ${readable(said)}`] });
    this.errorName = errorName;
    this.said = said.slice(0, 8000).replaceAll(/[^\P{C}\n]+/gu, ' ');
  }
}

type Meaning = readonly [code: ErrorCode, why: string, details?: ErrorDetails];

const denied: Meaning = ['access-denied', 'was refused', { next: 'Run the command as root.' }];
const late: Meaning = ['bus-timeout', 'was not answered', { left: 'It may have been carried out.', retryable: true }];
const absent: Meaning = ['bus-unavailable', 'did not reach the service: it is not on the bus', { retryable: true }];
const lost: Meaning = ['bus-unavailable', 'lost its connection to the bus', { retryable: true }];
const unknownCall: Meaning = ['bus-failed', 'is not known to the service'];

/** The errors of the D-Bus specification that mean more to a caller than that it failed. */
const meanings: Readonly<Record<string, Meaning>> = {
  AccessDenied: denied,
  AuthFailed: denied,
  InteractiveAuthorizationRequired: denied,
  NoReply: late,
  Timeout: late,
  TimedOut: late,
  NameHasNoOwner: absent,
  ServiceUnknown: absent,
  Disconnected: lost,
  NoServer: lost,
  UnknownInterface: unknownCall,
  UnknownMethod: unknownCall,
  UnknownObject: unknownCall,
  UnknownProperty: unknownCall,
};

function meaningOf(errorName: string): Meaning {
  const [, standard = ''] = /^org\.freedesktop\.DBus\.Error\.(\w+)$/.exec(errorName) ?? [];
  return (Object.hasOwn(meanings, standard) ? meanings[standard] : undefined) ?? ['bus-failed', 'failed'];
}

/** No answer came before the deadline: whether the call was carried out nobody knows. */
export function unanswered(called: Called, milliseconds: number): AgentError {
  return new AgentError('bus-timeout', `${nameOf(called)} was not answered within ${milliseconds / 1000} s`, {
    left: 'It may have been carried out.',
    retryable: true,
  });
}

/** The connection broke while a call waited for its answer. */
export function brokenOff(called: Called, cause?: Error): AgentError {
  return new AgentError('bus-unavailable', `${nameOf(called)} lost its connection to the bus`, {
    left: 'It may have been carried out.',
    retryable: true,
    cause,
  });
}

/** The answer is not one that this call can have. */
export function senseless(called: Called, cause: Error): AgentError {
  return new AgentError('bus-failed', `${nameOf(called)} was answered with what cannot be read`, {
    facts: [cause.message],
    cause,
  });
}

/** What we would send is not what D-Bus can carry. */
export function unsendable(called: Called, cause: unknown): AgentError {
  return new AgentError('bus-failed', `${nameOf(called)} cannot be sent: ${readable(String(cause))}`, { cause });
}

export function cannotConnect(address: string, why: string, cause?: unknown): AgentError {
  return new AgentError('bus-unavailable', `cannot connect to the message bus at ${address}: ${readable(why)}`, {
    next: 'Look at `systemctl status dbus`.',
    retryable: true,
    cause,
  });
}

function nameOf({ destination, member }: Called): string {
  return `the call ${member} to ${destination}`;
}

/** Words of the other side in one line of bounded length: nothing in them moves a cursor. */
function readable(said: string): string {
  return said
    .slice(0, 1000)
    .replaceAll(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
}
