import { AgentError } from '../../core/errors.ts';
import { ownerOf, type Owner } from '../owner.ts';
import type { InstalledExtension } from '../records.ts';

export type { FleetOwner, Owner } from '../owner.ts';

export interface OwnedExtension
  extends Pick<InstalledExtension, 'name' | 'version' | 'published'>, Partial<Pick<InstalledExtension, 'allowed'>> {
  readonly owner: Owner;
}

/**
 * Why a person may not do that with an extension, or undefined where they may: the fleet would only undo it.
 * @param verb what they asked for, such as `remove`.
 */
export function refusalForPerson(verb: string, { name, owner }: OwnedExtension): AgentError | undefined {
  if (owner.kind !== 'fleet') return undefined;
  const files = owner.files.join(', ');
  return new AgentError('conflict', `cannot ${verb} ${name}: it is installed by the fleet's ${files}`, {
    left: 'Nothing was changed.',
    next: `Change it there, or in a later file: \`${absence(name)}\` in /etc/sysext-agent/extensions.d/90-local.yml takes it out.`,
  });
}

/** @throws AgentError `conflict` for the first of the names that the fleet installed. */
export function refuseOfFleet(verb: string, installed: readonly InstalledExtension[], names: readonly string[]): void {
  for (const extension of installed.filter(({ name }) => names.includes(name))) {
    const refusal = refusalForPerson(verb, { ...extension, owner: ownerOf(extension) });
    if (refusal !== undefined) throw refusal;
  }
}

function absence(name: string): string {
  return `extensions: {${name}: {state: absent}}`;
}
