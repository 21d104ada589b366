import { dirname } from 'node:path';

import { noContributions, type Contributions, type Pull } from '../../core/effects/contributions.ts';
import type { EtcCopy } from '../../core/effects/tmpfiles.ts';
import { isTemplate, isUnitName, unitPattern } from '../../core/effects/unit-names.ts';
import { isAgentError } from '../../core/errors.ts';
import { sha256OfFile } from '../../host/digest.ts';
import { fileStatus, linkStatus, listNames } from '../../host/files.ts';
import { linkTarget } from '../../host/root.ts';
import { readContributions, type KnownOfImage } from '../../systemd/contributions.ts';
import { configuredDirectories } from '../../systemd/host-libraries.ts';
import { packageOwners } from '../../systemd/host-packages.ts';
import { unitStates, type UnitState } from '../../systemd/manager.ts';
import { servicesUsing } from '../../systemd/running.ts';
import { systemdRuns } from '../../systemd/sysext-tool.ts';
import type { Agent } from '../agent.ts';
import type { Plan, PlanInput } from '../plan.ts';
import { recordedImage } from '../stored-image.ts';
import { differenceOf, type Moving } from './difference.ts';

/** An image that goes or comes, with what it brings. */
export interface MovingImage extends Moving {
  readonly contributions: Contributions;
}

/** What has become of the copy of a file in /etc: `foreign` is what a package of the host brought. */
export type CopyState = 'unchanged' | 'changed' | 'absent' | 'foreign';

/** What the host shows of what a change touches. */
export interface Seen {
  readonly leaving: readonly MovingImage[];
  readonly coming: readonly MovingImage[];
  readonly units: readonly UnitState[];
  /** What an administrator has enabled of the units that come: links in /etc. */
  readonly enabled: readonly Pull[];
  /** By paths in /etc that something goes from or comes to. */
  readonly copies: ReadonlyMap<string, CopyState>;
  /** Where the loader looks for libraries besides its own places. */
  readonly libraryDirectories: readonly string[];
  /** Services that have files in use which change, and one such file of each. */
  readonly inUse: ReadonlyMap<string, string>;
}

/**
 * Looks at what a plan changes besides the merge; undefined where that is nothing. Only images that go or come are read.
 * Below another root nothing is done: it has no manager, and its daemons are not those of this host.
 */
export async function seeEffects(agent: Agent, input: PlanInput, made: Plan): Promise<Seen | undefined> {
  if (agent.root !== '/' || !systemdRuns()) return undefined;
  const { leaving, coming } = differenceOf(input, made);
  if (leaving.length + coming.length === 0) return undefined;
  const images = {
    leaving: await Promise.all(leaving.map((image) => readLeaving(agent, input, image))),
    coming: await Promise.all(coming.map((image) => readComing(agent, input, image))),
  };
  return { ...images, ...(await surroundings(agent, images)) };
}

type Images = Pick<Seen, 'leaving' | 'coming'>;

async function surroundings(agent: Agent, { leaving, coming }: Images): Promise<Omit<Seen, keyof Images>> {
  const [old, fresh] = [leaving.map(contributionsIn), coming.map(contributionsIn)];
  const all = [...old, ...fresh];
  const enabled = enabledUnits(fresh.flatMap(({ units }) => units));
  return {
    units: await unitStates(agent.exec, unitsInPlay(all, enabled)),
    enabled,
    copies: await copyStates(
      agent,
      all.flatMap(({ copies }) => copies),
    ),
    libraryDirectories: all.some((one) => one.libraryDirectories.length > 0) ? configuredDirectories('/') : [],
    inUse: inUse(old, fresh),
  };
}

function contributionsIn({ contributions }: MovingImage): Contributions {
  return contributions;
}

/** What cannot be read any more may have had units. */
async function readLeaving(agent: Agent, { observed }: PlanInput, image: Moving): Promise<MovingImage> {
  const { name, ours } = image;
  const path =
    ours === undefined
      ? observed.images.find((found) => found.image.name === name)?.image.realPath
      : recordedImage(agent.paths.store, ours).path;
  const unknown = { ...noContributions, reload: true };
  return { ...image, contributions: await contributionsAt(agent, path, { release: ours?.release }, unknown) };
}

/** What is not in the store yet is where it comes from. */
async function readComing(agent: Agent, { observed, desired }: PlanInput, image: Moving): Promise<MovingImage> {
  const { name, ours } = image;
  const path =
    ours === undefined
      ? observed.images.find((found) => found.image.name === name)?.image.realPath
      : (desired.sources?.get(ours.sha256) ?? recordedImage(agent.paths.store, ours).path);
  const known = { release: ours?.release, entries: desired.listed?.get(ours?.sha256 ?? '') };
  return { ...image, contributions: await contributionsAt(agent, path, known, noContributions) };
}

async function contributionsAt(
  agent: Agent,
  path: string | undefined,
  known: KnownOfImage,
  unknown: Contributions,
): Promise<Contributions> {
  if (path === undefined) return unknown;
  try {
    return await readContributions(path, known, agent.exec);
  } catch (error) {
    if (isAgentError(error)) return unknown;
    throw error;
  }
}

function unitsInPlay(all: readonly Contributions[], enabled: readonly Pull[]): string[] {
  const pulls = [...all.flatMap((one) => one.pulls), ...enabled];
  const lists = all.flatMap(({ restart, reloadOrRestart }) => [...restart, ...reloadOrRestart]);
  const named = [...all.flatMap(({ units }) => units), ...pulls.flatMap(({ by, unit }) => [by, unit]), ...lists];
  return [...new Set(named.map(unitPattern))].sort();
}

/** Links like `multi-user.target.wants/a.service` in /etc, of the units in question. */
function enabledUnits(units: readonly string[]): Pull[] {
  const directory = '/etc/systemd/system';
  if (units.length === 0) return [];
  return listNames(directory).flatMap((place) => {
    const [, by = '', how] = /^(.*)\.(wants|requires|upholds)$/.exec(place) ?? [];
    if (!isUnitName(by) || (how !== 'wants' && how !== 'requires' && how !== 'upholds')) return [];
    return listNames(`${directory}/${place}`)
      .filter((unit) => units.includes(unit) && !isTemplate(unit))
      .map((unit) => ({ by, unit, how, file: `${place}/${unit}` }));
  });
}

/** Of one path that several images have, what counts is whether it is as one of them has it. */
async function copyStates(agent: Agent, copies: readonly EtcCopy[]): Promise<ReadonlyMap<string, CopyState>> {
  const there = copies.filter(({ to }) => linkStatus(to) !== undefined);
  const owned = await packageOwners(agent.root, agent.exec)(there.map(({ to }) => to.slice(1)));
  const states = new Map<string, CopyState>(copies.map(({ to }) => [to, 'absent']));
  for (const copy of there) {
    const known = states.get(copy.to);
    if (owned.has(copy.to.slice(1))) states.set(copy.to, 'foreign');
    else if (known !== 'unchanged') states.set(copy.to, isUnchanged(copy) ? 'unchanged' : 'changed');
  }
  return states;
}

/** Whether what is in /etc is what an image brought there, and no link leads there. */
export function isUnchanged({ to, kind, sha256, target }: EtcCopy): boolean {
  const status = linkStatus(to);
  if (status === undefined || !isReached(dirname(to))) return false;
  if (kind === 'directory') return status.isDirectory();
  if (kind === 'symlink') return status.isSymbolicLink() && linkTarget(to) === target;
  return status.isFile() && sha256 !== undefined && sha256OfFile(to) === sha256;
}

/** Whether every part of a path is a directory itself. */
function isReached(path: string): boolean {
  return path === '/' || (linkStatus(path)?.isDirectory() === true && isReached(dirname(path)));
}

/** Processes are looked at only where a file goes or is replaced that one could have in use. */
function inUse(old: readonly Contributions[], fresh: readonly Contributions[]): ReadonlyMap<string, string> {
  const replaced = fresh.flatMap(({ programs }) => programs).filter((path) => fileStatus(path) !== undefined);
  const programs = new Set([...old.flatMap((one) => one.programs), ...replaced]);
  return programs.size === 0 ? new Map() : servicesUsing(programs);
}
