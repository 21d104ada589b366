import { AgentError, isAgentError } from '../../../core/errors.ts';
import type { Bus } from '../../../systemd/bus/client.ts';
import { ReplyError } from '../../../systemd/bus/errors.ts';
import { busName, busPath } from '../../../systemd/bus/match.ts';
import type { Caller } from '../../../systemd/bus/objects.ts';
import { dictionary, flag, single, struct, text, uint32, Variant } from '../../../systemd/bus/values.ts';
import { serviceName, type Action } from './definition.ts';

/** What polkit says of an action. */
export type Permission = 'granted' | 'denied' | 'to-be-asked' | 'no-polkit';

/** How long someone may take to type a password, in milliseconds. */
const patience = 120_000;

/** Who calls, as the bus knows it: nothing that a caller says of itself. */
export async function uidOf(bus: Bus, caller: Caller): Promise<number> {
  const target = { destination: busName, path: busPath, interface: busName };
  return bus.call({ ...target, member: 'GetConnectionUnixUser', signature: 's', body: [caller.name] }, single(uint32));
}

/**
 * Refuses who is not on the bus any more.
 * @throws AgentError `interrupted`
 */
export async function requirePresent(bus: Bus, caller: Caller): Promise<void> {
  const target = { destination: busName, path: busPath, interface: busName };
  const call = { ...target, member: 'NameHasOwner', signature: 's', body: [caller.name] };
  if (!(await bus.call(call, single(flag)))) throw new AgentError('interrupted', 'the caller has gone');
}

/**
 * Lets an action pass that polkit lets the caller take, who is not root.
 * @param details what the action is about, for who is asked for a password.
 * @throws AgentError `access-denied`
 */
export async function authorize(
  bus: Bus,
  caller: Caller,
  action: Action,
  details: Readonly<Record<string, string>>,
): Promise<void> {
  const refusal = refusalOf(await permissionOf(bus, caller, action, details), action);
  if (refusal !== undefined) throw refusal;
}

/** Why an action is refused; undefined where it is not. */
export function refusalOf(permission: Permission, action: Action): AgentError | undefined {
  const id = `${serviceName}.${action}`;
  const left = 'Nothing was changed.';
  switch (permission) {
    case 'granted':
      return undefined;
    case 'denied':
      return new AgentError('access-denied', `polkit does not let this user take the action ${id}`, {
        left,
        next: 'Ask as root, or have a rule of polkit allow the action.',
      });
    case 'to-be-asked':
      return new AgentError('access-denied', `polkit lets this user take the action ${id} only with a password`, {
        left,
        next: 'Ask from a session where someone can be asked, or as root.',
      });
    case 'no-polkit':
      return new AgentError('access-denied', `only root may take the action ${id}: polkit does not run on this host`, {
        left,
        next: 'Ask as root, or install polkit.',
      });
  }
}

async function permissionOf(
  bus: Bus,
  caller: Caller,
  action: Action,
  details: Readonly<Record<string, string>>,
): Promise<Permission> {
  const subject = ['system-bus-name', new Map([['name', new Variant('s', caller.name)]])];
  const id = `${serviceName}.${action}`;
  const call = {
    destination: 'org.freedesktop.PolicyKit1',
    path: '/org/freedesktop/PolicyKit1/Authority',
    interface: 'org.freedesktop.PolicyKit1.Authority',
    member: 'CheckAuthorization',
    signature: '(sa{sv})sa{ss}us',
    body: [subject, id, new Map(Object.entries(details)), caller.mayInteract ? allowInteraction : 0, ''],
  };
  try {
    const [granted, challenge] = await bus.call(call, single(struct(flag, flag, dictionary(text))), {
      timeoutMs: patience,
    });
    if (granted) return 'granted';
    return challenge ? 'to-be-asked' : 'denied';
  } catch (error) {
    // Where the bus cannot start it, it is systemd that says so.
    const isAway = error instanceof ReplyError && error.errorName.startsWith('org.freedesktop.systemd1.');
    if (isAway || isAgentError(error, 'bus-unavailable')) return 'no-polkit';
    throw error;
  }
}

const allowInteraction = 1;
