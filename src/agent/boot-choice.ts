import { compatibility, type HostRelease } from '../core/compatibility.ts';
import { parseReleaseFields } from '../core/os-release.ts';
import { compareVersions } from '../core/version-order.ts';
import { ownerOf } from './owner.ts';
import type { BadImage, Generation, InstalledExtension, Prefetched } from './records.ts';

/** How many boots with a generation may fail to come up well: the next one goes back. */
export const patience = 3;

/** What a boot is decided by. */
export interface BootFacts {
  /** The system that boots. */
  readonly host: HostRelease;
  /** The generation in force; undefined where nothing was ever installed. */
  readonly active: Generation | undefined;
  /** Boots with it since the last one that came up well, this one counted. */
  readonly attempts: number;
  /** Generations that a boot was confirmed with, newest first; none that was given up. */
  readonly confirmed: readonly Generation[];
  /** The generations before the active one that were in force and not given up, nearest first. */
  readonly parents: readonly Generation[];
  /** With which generation the last boot began that came up well; undefined where none ever did. */
  readonly lastConfirmedBoot: { readonly generation: number | undefined } | undefined;
  /** Other sets of which images are kept, newest first. */
  readonly kept: readonly Generation[];
  readonly prefetched: readonly Prefetched[];
  /** The sha256 of every image in the store that is not known to be damaged. */
  readonly stored: ReadonlySet<string>;
  readonly bad: readonly BadImage[];
  /** Names of extensions that keep their images. */
  readonly held: readonly string[];
}

/** An extension that another image of it is put in the place of. */
export interface Replacement {
  readonly before: InstalledExtension;
  readonly after: InstalledExtension;
}

/** A generation that boots did not come up well with. */
export interface GivingUp {
  readonly number: number;
  /** The generation that is gone back to; undefined for the host without extensions. */
  readonly to: number | undefined;
  /** Images that were never in a set that came up well. */
  readonly refused: readonly InstalledExtension[];
  readonly reason: string;
}

/** What is to be in place in a boot. */
export interface BootChoice {
  /** The whole set, with what does not fit and is left out of systemd's sight. */
  readonly extensions: readonly InstalledExtension[];
  readonly replaced: readonly Replacement[];
  readonly leftOut: readonly { readonly name: string; readonly version: string; readonly reason: string }[];
  readonly givenUp: GivingUp | undefined;
  /** Why the set is kept although boots with it did not come up well; undefined where there is no reason to change it. */
  readonly keptAlthough: string | undefined;
  /** What was prefetched and is not waited for any more. */
  readonly spent: readonly Prefetched[];
}

/**
 * Which set of extensions is to be in place for the system that boots: that of the generation in force or, where boots
 * with it did not come up well, of an earlier one; of each extension an image that fits. The same facts give the same
 * choice, and nothing is read or changed.
 */
export function chooseAtBoot(facts: BootFacts): BootChoice {
  const { givenUp, set, keptAlthough } = startingPoint(facts);
  const refused = givenUp?.refused.map(({ sha256 }) => sha256) ?? [];
  const usable = withoutRefused(facts, refused);
  const extensions = set.map((extension) => imageFor(usable, extension));
  return {
    extensions,
    replaced: set.flatMap((before, index) => {
      const after = extensions[index];
      return after === undefined || after.sha256 === before.sha256 ? [] : [{ before, after }];
    }),
    leftOut: extensions.flatMap(({ name, version, release }) => {
      const reason = misfit(facts.host, { release });
      return reason === undefined ? [] : [{ name, version, reason }];
    }),
    givenUp,
    keptAlthough,
    spent: facts.prefetched.filter((image) => isSpent(facts, image, extensions, refused)),
  };
}

/**
 * The same, without images that are not what they were: then what comes next, such as an earlier set, is chosen.
 * @param isSound is asked only of images that are to come in: a boot that changes nothing reads none.
 */
export function chooseSound(facts: BootFacts, isSound: (image: InstalledExtension) => boolean): BootChoice {
  const choice = chooseAtBoot(facts);
  const present = facts.active?.extensions.map(({ sha256 }) => sha256) ?? [];
  const coming = choice.extensions.filter(({ sha256 }) => facts.stored.has(sha256) && !present.includes(sha256));
  const damaged = coming.filter((image) => !isSound(image)).map(({ sha256 }) => sha256);
  return damaged.length === 0 ? choice : chooseSound(withoutRefused(facts, damaged), isSound);
}

interface StartingPoint extends Pick<BootChoice, 'givenUp' | 'keptAlthough'> {
  readonly set: readonly InstalledExtension[];
}

/** The set that the choice of images begins with. */
function startingPoint(facts: BootFacts): StartingPoint {
  const { active, attempts, confirmed } = facts;
  const stay = { set: active?.extensions ?? [], givenUp: undefined, keptAlthough: undefined };
  if (active === undefined || attempts <= patience) return stay;
  const failed = `${attempts - 1} boots with generation ${active.number} did not come up well`;
  if (facts.lastConfirmedBoot === undefined) {
    return {
      ...stay,
      keptAlthough: `${failed}, and no boot of this host was ever confirmed, so that it stays in force`,
    };
  }
  if (confirmed.some((generation) => isSameImages(generation, active))) {
    return { ...stay, keptAlthough: `${failed}, and it did before: it stays in force` };
  }
  const target = wayBack(facts, active);
  if (target === undefined) return { ...stay, keptAlthough: `${failed}, and there is no other one to go back to` };
  const proven = [target, ...confirmed].flatMap(({ extensions }) => extensions.map(({ sha256 }) => sha256));
  const where = target.number === undefined ? 'no extensions, with which it did' : `generation ${target.number}`;
  return {
    set: target.extensions,
    givenUp: {
      number: active.number,
      to: target.number,
      refused: active.extensions.filter(({ sha256 }) => !proven.includes(sha256)),
      reason: `${failed}: back to ${where}`,
    },
    keptAlthough: undefined,
  };
}

/**
 * The last set that came up well and is still whole; else the nearest one before of which every image fits. The empty set only where the host
 * is known to come up with it.
 */
function wayBack(
  facts: BootFacts,
  active: Generation,
): (Pick<Generation, 'extensions'> & { readonly number: number | undefined }) | undefined {
  const { confirmed, parents, lastConfirmedBoot } = facts;
  const last = confirmed.find(({ extensions }) => extensions.every(({ sha256 }) => facts.stored.has(sha256)));
  if (last !== undefined) return last;
  const nearest = parents.find(
    (parent) =>
      parent.extensions.length > 0 &&
      !isSameImages(parent, active) &&
      parent.extensions.every((extension) => isUsable(facts, extension)),
  );
  if (nearest !== undefined) return nearest;
  const emptyCameUp = lastConfirmedBoot !== undefined && lastConfirmedBoot.generation === undefined;
  return emptyCameUp && active.extensions.length > 0 ? { number: undefined, extensions: [] } : undefined;
}

function isSameImages(a: Generation, b: Generation): boolean {
  const images = ({ extensions }: Generation) =>
    extensions
      .map(({ name, sha256 }) => `${name} ${sha256}`)
      .sort()
      .join();
  return images(a) === images(b);
}

/** What was prefetched for exactly this system comes first; then what is there; then whatever else was kept and fits. */
function imageFor(facts: BootFacts, own: InstalledExtension): InstalledExtension {
  if (facts.held.includes(own.name)) return own;
  const named = facts.prefetched.filter(({ extension }) => extension.name === own.name);
  const [meant, others] = [named.filter(({ os }) => os === systemOf(facts.host)), named].map((some) =>
    some.map(({ extension }) => extension),
  );
  const earlier = facts.kept.flatMap(({ extensions }) => extensions.filter(({ name }) => name === own.name));
  const prefetched = meant?.find((image) => isUsable(facts, image));
  if (prefetched !== undefined) return prefetched;
  if (misfit(facts.host, own) === undefined) return own;
  const found = [...(others ?? []), ...earlier].find((image) => isUsable(facts, image));
  // Whose an extension is does not change with its image.
  return found === undefined ? own : { ...found, owner: ownerOf(own) };
}

function isUsable({ host, stored, bad }: BootFacts, image: InstalledExtension): boolean {
  const { sha256 } = image;
  return stored.has(sha256) && !bad.some((one) => one.sha256 === sha256) && misfit(host, image) === undefined;
}

function withoutRefused(facts: BootFacts, refused: readonly string[]): BootFacts {
  return { ...facts, stored: new Set([...facts.stored].filter((sha256) => !refused.includes(sha256))) };
}

/** Why an image does not fit a system, by what the record has of its release file. */
function misfit(host: HostRelease, { release }: Pick<InstalledExtension, 'release'>): string | undefined {
  const fit = compatibility(release === '' ? undefined : parseReleaseFields(release), host);
  return fit.fits ? undefined : fit.why.reason;
}

/** A system as records name it: `ID VERSION_ID`. */
export function systemOf({ fields }: Pick<HostRelease, 'fields'>): string {
  return `${fields['ID'] ?? ''} ${fields['VERSION_ID'] ?? ''}`.trim();
}

/** It is in place now, or refused, or this system is newer than the one that it waits for. */
function isSpent(
  { host }: BootFacts,
  { os, extension }: Prefetched,
  chosen: readonly InstalledExtension[],
  refused: readonly string[],
): boolean {
  if (refused.includes(extension.sha256) || chosen.some(({ sha256 }) => sha256 === extension.sha256)) return true;
  const [id, version = ''] = os.split(' ');
  const current = host.fields['VERSION_ID'] ?? '';
  return id === host.fields['ID'] && current !== '' && version !== '' && compareVersions(current, version) > 0;
}
