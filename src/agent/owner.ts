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

const person: Owner = { kind: 'person' };

/** Whose an extension is: a person's, unless its record says otherwise. */
export function ownerOf({ owner = person }: { readonly owner?: Owner | undefined }): Owner {
  return owner;
}

/** The owner as a record has it: left out for a person. */
export function withOwner(owner: Owner): { readonly owner?: Owner } {
  return owner.kind === 'person' ? {} : { owner };
}

/** `person`, `fleet 50-jq.yml, 90-local.yml`, `unknown`. */
export function ownerText(owner: Owner): string {
  return owner.kind === 'fleet' ? `fleet ${owner.files.join(', ')}` : owner.kind;
}

/** Owners of before are told by nobody: whoever used the program then was a person. */
export const ownerScript = `
  ALTER TABLE generation_extension ADD COLUMN owner TEXT NOT NULL DEFAULT '{"kind":"person"}';
`;
