import type { Contributions } from '../../core/effects/contributions.ts';
import type { EtcCopy } from '../../core/effects/tmpfiles.ts';
import { isTemplate, unitPattern } from '../../core/effects/unit-names.ts';
import type { MovingImage, Seen } from './observation.ts';
import type { Effects, EffectStep, Settlement } from './steps.ts';
import { unitChanges, upholdingFiles, type UnitChanges } from './unit-changes.ts';

/** What a plan wants of what is done around its merge. */
export interface EffectWishes {
  /** Whether the set of extensions changes, and not only what of it is merged: services of what goes are stopped then. */
  readonly set: boolean;
  /** Whether units that do not start are a reason to take the change back. */
  readonly confirm: boolean;
  /** Whether the manager and units are left alone. */
  readonly noReload: boolean;
}

/** What is done before and after a merge, and what takes it back: the same values give the same steps. */
export function effectsOf(seen: Seen, wishes: EffectWishes): Effects {
  const changes = unitChanges(seen, wishes.set);
  const withheld = changes.withhold;
  const taken = takenBack(seen);
  const after = [
    ...takeBackSteps(taken, title(seen.leaving)),
    ...fileSteps(seen.coming, seen),
    ...managerSteps([...seen.leaving, ...seen.coming], withheld),
    ...unitSteps(changes),
  ];
  const checks = wishes.confirm ? checkSteps(seen, changes) : [];
  const fit = (steps: readonly EffectStep[]) => (wishes.noReload ? steps.filter(isNoUnitStep) : steps);
  const { before: undoBefore, after: undoAfter } = settlementOf(seen, changes, wishes.set);
  return {
    before: fit(stopSteps(changes.stop, withheld, `${title(seen.leaving)} goes`)),
    after: fit([...after, ...checks]),
    settlement: { before: fit(undoBefore), after: fit(undoAfter) },
    warnings: [...(wishes.noReload ? [] : changes.warnings), ...keptWarnings(seen), ...inUseWarnings(seen, changes)],
  };
}

/** What takes all of it back: the same for the change that leads the other way. */
function settlementOf(seen: Seen, changes: UnitChanges, set: boolean): Settlement {
  const { leaving, coming } = seen;
  const fresh = coming
    .flatMap(({ contributions }) => contributions.units)
    .filter((unit) => !unitsOf(leaving).has(unit));
  const withhold = set ? upholdingFiles(coming, fresh) : [];
  const made = coming.flatMap(({ contributions }) => contributions.copies).filter((copy) => isMade(seen, copy));
  const reason = 'what was before is merged again';
  return {
    before: set ? stopSteps(fresh.map(unitPattern), withhold, reason) : [],
    after: [
      ...takeBackSteps(made, title(coming)),
      ...fileSteps(leaving, seen),
      ...managerSteps([...coming, ...leaving], [...withhold, ...changes.withhold]),
      ...unitStep('restart', changes.restart, reason),
      ...unitStep('start', changes.stop, reason),
    ],
  };
}

/** Whether a step is one that leaves the manager and its units alone. */
export function isNoUnitStep({ kind }: EffectStep): boolean {
  return !['stop', 'reload', 'units', 'units-up'].includes(kind);
}

/** Whose work it is: the names of extensions. */
function title(images: readonly MovingImage[]): string {
  return images.map(({ name }) => name).join(', ');
}

function unitsOf(images: readonly MovingImage[]): ReadonlySet<string> {
  return new Set(images.flatMap(({ contributions }) => contributions.units));
}

function stopSteps(units: readonly string[], withhold: readonly string[], reason: string): EffectStep[] {
  return units.length === 0 ? [] : [{ kind: 'stop', units, withhold, reason }];
}

/** Whether a copy of what comes is made by it: where nothing was, or where that of the version before was taken back. */
function isMade(seen: Seen, { to }: EtcCopy): boolean {
  return seen.copies.get(to) === 'absent' || takenBack(seen).some((copy) => copy.to === to);
}

/** Copies of what goes for good, where nobody changed them; of what is replaced, those that come with other content. */
function takenBack({ leaving, coming, copies }: Seen): EtcCopy[] {
  const fresh = new Map(coming.flatMap(({ contributions }) => contributions.copies).map((copy) => [copy.to, copy]));
  return gone(leaving)
    .flatMap(({ contributions }) => contributions.copies)
    .filter((copy) => copies.get(copy.to) === 'unchanged' && !isSame(copy, fresh.get(copy.to)));
}

function gone(leaving: readonly MovingImage[]): MovingImage[] {
  return leaving.filter(({ ours, changed }) => ours !== undefined && changed);
}

function isSame(copy: EtcCopy, other: EtcCopy | undefined): boolean {
  return other?.kind === copy.kind && other.sha256 === copy.sha256 && other.target === copy.target;
}

function keptWarnings({ leaving, coming, copies }: Seen): string[] {
  const fresh = new Map(coming.flatMap(({ contributions }) => contributions.copies).map((copy) => [copy.to, copy]));
  return gone(leaving).flatMap(({ name, contributions }) =>
    contributions.copies
      .filter((copy) => copies.get(copy.to) === 'changed' && !isSame(copy, fresh.get(copy.to)))
      .map((copy) => keptWarning(name, copy, fresh.get(copy.to))),
  );
}

function keptWarning(name: string, { to }: EtcCopy, fresh: EtcCopy | undefined): string {
  return fresh?.from === undefined
    ? `${to} stays, since it was changed after ${name} brought it: remove it yourself where it is not needed`
    : `${to} stays as it is, since it was changed: ${name} now brings another one, /${fresh.from}`;
}

function takeBackSteps(copies: readonly EtcCopy[], names: string): EffectStep[] {
  const files = copies.filter(({ kind }) => kind !== 'directory');
  if (files.length === 0) return [];
  return [{ kind: 'take-back', copies, reason: `${names} brought them, and nobody changed them` }];
}

/** What is made after the files of what is merged now. */
function fileSteps(coming: readonly MovingImage[], seen: Seen): EffectStep[] {
  const all = [...seen.leaving, ...seen.coming].map(({ contributions }) => contributions);
  const some = (list: (one: Contributions) => readonly string[]) =>
    coming.flatMap((image) => list(image.contributions));
  const reason = `${title(coming)} brings them`;
  const [users, files] = [some((one) => one.sysusers), some((one) => one.tmpfiles)];
  const kernels = [...new Set(all.flatMap((one) => one.kernels))];
  const changed = 'the files that it is made of have changed';
  return [
    ...(users.length === 0 ? [] : [{ kind: 'sysusers', files: users, reason } as const]),
    ...(files.length === 0 ? [] : [{ kind: 'tmpfiles', files, reason } as const]),
    ...(all.some((one) => hasLibraries(one, seen)) ? [{ kind: 'ldconfig', reason: changed } as const] : []),
    ...(all.some(({ hwdb }) => hwdb) ? [{ kind: 'hwdb', reason: changed } as const] : []),
    ...(kernels.length === 0 ? [] : [{ kind: 'depmod', kernels, reason: changed } as const]),
    ...(all.some(({ udevRules }) => udevRules) ? [{ kind: 'udev', reason: 'its rules have changed' } as const] : []),
    ...(all.some(({ bus }) => bus) ? [{ kind: 'bus', reason: 'its policy or services have changed' } as const] : []),
  ];
}

/** Where ldconfig(8) looks besides what is configured. */
const loaderDirectories = ['/usr/lib', '/usr/lib64'];

function hasLibraries({ libraryDirectories, copies }: Contributions, seen: Seen): boolean {
  const searched = [...loaderDirectories, ...seen.libraryDirectories.map((path) => path.replace(/^\/lib/, '/usr/lib'))];
  return (
    libraryDirectories.some((path) => searched.includes(path)) ||
    copies.some(({ to }) => to.startsWith('/etc/ld.so.conf.d/'))
  );
}

function managerSteps(images: readonly MovingImage[], withheld: readonly string[]): EffectStep[] {
  const touching = images.filter(({ contributions }) => contributions.reload);
  if (touching.length === 0 && withheld.length === 0) return [];
  return [
    {
      kind: 'reload',
      withheld,
      reason: `unit files have changed: ${[...new Set(touching.map(({ name }) => name))].join(', ')}`,
    },
  ];
}

function unitSteps({ restart, listed, start }: UnitChanges): EffectStep[] {
  return [
    ...unitStep('restart', restart, 'they run, and their extension has changed'),
    ...listed.flatMap(({ verb, units }) => unitStep(verb, units, 'the release file of an extension says so')),
    ...unitStep('start', start, 'what is active wants them'),
  ];
}

function unitStep(
  verb: (EffectStep & { readonly kind: 'units' })['verb'],
  units: readonly string[],
  reason: string,
): EffectStep[] {
  return units.length === 0 ? [] : [{ kind: 'units', verb, units, reason }];
}

/** Instances of templates are checked where they are started. */
function checkSteps({ coming }: Seen, { restart, start, listed }: UnitChanges): EffectStep[] {
  const loaded = [...unitsOf(coming)].filter((unit) => !isTemplate(unit)).sort();
  const running = [...new Set([...restart, ...start, ...listed.flatMap(({ units }) => units)])].sort();
  if (loaded.length + running.length === 0) return [];
  return [{ kind: 'units-up', loaded, running, reason: 'the host must be well with it' }];
}

function inUseWarnings({ inUse }: Seen, { stop, restart, untouched }: UnitChanges): string[] {
  const others = [...inUse].filter(([unit]) => ![...stop, ...restart, ...untouched].includes(unit)).sort();
  return others.map(([unit, file]) => `${unit} runs with the ${file} that was there before: systemctl restart ${unit}`);
}
