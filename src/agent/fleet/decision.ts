import { placeOf } from '../../core/problems.ts';
import { isInRange } from '../../core/version-range.ts';
import {
  dropInNames,
  type FleetConfiguration,
  type FleetExtension,
  type FleetLayer,
  type Wish,
} from './configuration.ts';
import { definitionOf } from './definition.ts';
import type { FleetOwner, OwnedExtension, Owner } from './owner.ts';

/** What the fleet wants done with one extension, and why. */
export type FleetVerdict = { readonly name: string; readonly reason: string } & (
  | { readonly action: 'install' | 'replace'; readonly wish: Wish; readonly owner: Owner }
  | { readonly action: 'remove' }
  /** It is as the drop-ins want it; of one that the fleet installed also what they say of it now. */
  | { readonly action: 'keep'; readonly wish?: Wish; readonly owner?: FleetOwner }
  /** It is not, or that cannot be told, and it is not to be touched. */
  | { readonly action: 'leave' }
);

/** Whether an extension is to come, change or go. */
export function isChange({ action }: FleetVerdict): boolean {
  return action === 'install' || action === 'replace' || action === 'remove';
}

export interface FleetDecision {
  /** Every extension that a drop-in is about or that the fleet installed, ascending by name. */
  readonly verdicts: readonly FleetVerdict[];
  /** Set where everything that the fleet installed would go at once, and stays until that is confirmed. */
  readonly guard?: FleetGuard;
}

export interface FleetGuard {
  readonly names: readonly string[];
  readonly message: string;
  /** How to confirm. */
  readonly next: string;
}

export interface FleetInput {
  readonly configuration: FleetConfiguration;
  /** Everything that is recorded as installed, with its owner. */
  readonly installed: readonly OwnedExtension[];
}

/**
 * What should be installed and removed, so that this host has what the drop-ins say. What a person installed is left alone,
 * and what is unclear stays as it is. Nothing is read or changed.
 */
export function fleetDecision(input: FleetInput): FleetDecision {
  const { configuration, installed } = input;
  const guard = guardOf(input);
  const described = new Map(configuration.extensions.map((extension) => [extension.name, extension]));
  const owned = new Map(installed.map((extension) => [extension.name, extension]));
  const names = [...new Set([...described.keys(), ...owned.keys()])].sort();
  const verdicts = names.flatMap((name) => {
    const [extension, current] = [described.get(name), owned.get(name)];
    if (extension !== undefined) return describedVerdict(extension, current);
    return current === undefined ? [] : forgottenVerdict(current, configuration, guard);
  });
  return { verdicts, ...(guard === undefined ? {} : { guard }) };
}

/** Of an extension that a drop-in is about. */
function describedVerdict(extension: FleetExtension, current: OwnedExtension | undefined): readonly FleetVerdict[] {
  const { name, meaning } = extension;
  if (meaning.kind === 'unclear') return [{ name, action: 'leave', reason: meaning.why }];
  if (current?.owner.kind === 'person') return [{ name, action: 'leave', reason: personsOwn(name) }];
  if (meaning.kind === 'wanted') return [wantedVerdict(extension, meaning.wish, current)];
  const place = placeOf(meaning.by);
  if (current === undefined) return [{ name, action: 'keep', reason: `it is not there, as asked for by ${place}` }];
  return [{ name, action: 'remove', reason: `${place} asks for its absence` }];
}

function personsOwn(name: string): string {
  return `a person installed it: \`sysext-agent remove ${name}\` leaves it to the fleet`;
}

function wantedVerdict(extension: FleetExtension, wish: Wish, current: OwnedExtension | undefined): FleetVerdict {
  const { name, layers } = extension;
  const files = filesThatCount(layers);
  const change = {
    name,
    wish,
    owner: { kind: 'fleet', files, definition: definitionOf(wish) },
  } as const;
  if (current === undefined) return { ...change, action: 'install', reason: `it is asked for by ${files.join(', ')}` };
  const keep = { name, action: 'keep', wish, ...sameImage(change.owner, current) } as const;
  if (wish.hold) return { ...keep, reason: 'it is held by the drop-ins' };
  const difference = differenceOf(wish, change.owner, current);
  if (difference !== undefined) return { ...change, action: 'replace', reason: difference };
  return { ...keep, reason: `it is as asked for by ${files.join(', ')}` };
}

/** Other files may speak of it now; its image was made of what it was made of. */
function sameImage({ files }: FleetOwner, { owner }: OwnedExtension): { readonly owner?: FleetOwner } {
  return owner.kind === 'fleet' ? { owner: { ...owner, files } } : {};
}

/** The names of the drop-ins whose words count: the last one that names a source began anew. */
function filesThatCount(layers: readonly FleetLayer[]): readonly string[] {
  const first = layers.findLastIndex(({ entry }) => entry.source !== undefined);
  return layers.slice(first).map(({ file }) => file);
}

/** Why what is there is not what is wanted. */
function differenceOf({ version: range }: Wish, wanted: FleetOwner, current: OwnedExtension): string | undefined {
  const { owner, version } = current;
  if (owner.kind !== 'fleet') return 'nobody knows what its image was made of';
  if (owner.definition !== wanted.definition) return 'its source or how it is built was changed';
  if (range === undefined || isInRange(version, range)) return undefined;
  return `its version ${version === '' ? 'is unknown' : version} and ${range.text} is wanted`;
}

/** Of an extension that no drop-in is about. */
function forgottenVerdict(
  { name, owner }: OwnedExtension,
  configuration: FleetConfiguration,
  guard: FleetGuard | undefined,
): readonly FleetVerdict[] {
  if (owner.kind !== 'fleet') return [];
  const leave = (reason: string) => [{ name, action: 'leave', reason } as const];
  const broken = brokenFileOf(owner, configuration);
  if (broken !== undefined) return leave(`it was installed by ${broken}, which has problems`);
  if (!configuration.complete) return leave('not all drop-ins could be read');
  if (guard !== undefined) return leave(guard.message);
  return [{ name, action: 'remove', reason: `no drop-in is about it; it was installed by ${owner.files.join(', ')}` }];
}

/** A drop-in that had installed it, is there and cannot be used; one whose ending was mistaken counts as well. */
function brokenFileOf({ files }: FleetOwner, { broken }: FleetConfiguration): string | undefined {
  const { suffix, mistaken } = dropInNames;
  const asMeant = (file: string) => (file.endsWith(mistaken) ? `${file.slice(0, -mistaken.length)}${suffix}` : file);
  return broken.find((file) => files.includes(asMeant(file)));
}

/**
 * The end of one drop-in takes out what it was about. But where no file is left that says anything, and more than one went,
 * or their directory with them, or others have problems, it may be a mistake: a fleet's tool that failed, a disk that is
 * not mounted.
 */
function guardOf({ configuration, installed }: FleetInput): FleetGuard | undefined {
  const { files, broken, anyDirectory } = configuration;
  if (files.length > 0) return undefined;
  const gone = installed.flatMap(({ name, owner }) =>
    owner.kind === 'fleet' && brokenFileOf(owner, configuration) === undefined ? [{ name, files: owner.files }] : [],
  );
  const sources = new Set(gone.flatMap((extension) => extension.files));
  if (gone.length === 0 || (anyDirectory && sources.size === 1 && broken.length === 0)) return undefined;
  const names = gone.map(({ name }) => name).sort();
  return {
    names,
    message:
      'no drop-in of extensions.d is left that says anything: what those had installed that are gone stays until that is confirmed',
    next: `To have ${names.join(', ')} removed, say that nothing is wanted: echo 'extensions: {}' > /etc/sysext-agent/extensions.d/00-none.yml. Delete that file again when others come.`,
  };
}
