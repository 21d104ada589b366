import { AgentError } from '../../core/errors.ts';
import type { InstalledExtension } from '../records.ts';

/** Whose an installed extension is: only they change or remove it. */
export type Owner =
  /** A person, who used a command. */
  | { readonly kind: 'person' }
  | FleetOwner
  /** Nobody knows: it was found in place after the history was lost. */
  | { readonly kind: 'unknown' };

/** The drop-ins of the fleet. */
export interface FleetOwner {
  readonly kind: 'fleet';
  /** The names of the drop-ins that said what was installed. */
  readonly files: readonly string[];
  /** What its image was made of: definitionOf() at that time. */
  readonly definition: string;
}

export interface OwnedExtension extends Pick<InstalledExtension, 'name' | 'version'> {
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

function absence(name: string): string {
  return `extensions: {${name}: {state: absent}}`;
}
