import type { Pull } from '../../core/effects/contributions.ts';
import { isUnitOf, isUntouchable } from '../../core/effects/unit-names.ts';
import { isUp, type UnitState } from '../../systemd/manager.ts';
import type { MovingImage, Seen } from './observation.ts';

/** What becomes of units when some images go and others come. */
export interface UnitChanges {
  /** Those that run and are no longer there afterwards. */
  readonly stop: readonly string[];
  /** Files by which those would be started again. */
  readonly withhold: readonly string[];
  /** Those that run and whose extension has another image afterwards. */
  readonly restart: readonly string[];
  /** What release files say. */
  readonly listed: readonly Listed[];
  /** Those that something active pulls in and that are new. */
  readonly start: readonly string[];
  /** Those that would have to be stopped or restarted, and must not be. */
  readonly untouched: readonly string[];
  readonly warnings: readonly string[];
}

export interface Listed {
  readonly verb: 'restart' | 'reload-or-restart' | 'try-restart' | 'try-reload-or-restart';
  readonly units: readonly string[];
}

/** @param set whether extensions leave the set of the host, and not only the merge. */
export function unitChanges(seen: Seen, set: boolean): UnitChanges {
  const { leaving, coming } = seen;
  const [old, fresh] = [filesOf(leaving), filesOf(coming)];
  const affected = seen.units.filter((unit) => isUp(unit) && isShipped(unit) && isOneOf(old, unit));
  const going = affected.filter(
    (unit) => set && !isOneOf(fresh, unit) && isOneOf(filesOf(leaving.filter(isOurs)), unit),
  );
  const staying = affected.filter((unit) => isOneOf(fresh, unit));
  const listed = listedUnits(seen);
  const already = listed.flatMap(({ units }) => units);
  const stop = touchable(going);
  const restart = touchable(staying).filter(
    (unit) => /\.(?:service|timer|path)$/.test(unit) && !already.includes(unit),
  );
  const start = pulledUnits(seen).filter((unit) => !already.includes(unit) && !restart.includes(unit));
  const untouched = [...names(going), ...names(staying), ...wishes(seen)].filter(isUntouchable);
  return {
    stop,
    withhold: upholdingFiles(leaving, stop),
    restart,
    listed,
    start,
    untouched,
    warnings: told(untouched),
  };
}

function filesOf(images: readonly MovingImage[]): string[] {
  return images.flatMap(({ contributions }) => contributions.units);
}

function isOurs({ ours }: MovingImage): boolean {
  return ours !== undefined;
}

function isOneOf(files: readonly string[], { names }: UnitState): boolean {
  return files.some((file) => names.some((name) => isUnitOf(file, name)));
}

/** An administrator's own unit file hides that of an extension; what is not merged any more has none. */
function isShipped({ fragment }: UnitState): boolean {
  return fragment === '' || /^\/(?:usr\/)?(?:local\/)?lib\//.test(fragment);
}

function names(units: readonly UnitState[]): string[] {
  return units.flatMap((unit) => unit.names.slice(0, 1));
}

function touchable(units: readonly UnitState[]): string[] {
  return names(units).filter((unit) => !isUntouchable(unit));
}

/** The files by which something upholds one of these units. */
export function upholdingFiles(images: readonly MovingImage[], units: readonly string[]): string[] {
  const pulls = images.flatMap(({ contributions }) => contributions.pulls);
  return [
    ...new Set(pulls.filter(({ how, unit }) => how === 'upholds' && units.includes(unit)).map(({ file }) => file)),
  ];
}

/** What one that comes names is started where it does not run; what one that goes names is not. */
function listedUnits({ leaving, coming }: Seen): Listed[] {
  const wanted = (images: readonly MovingImage[], key: 'restart' | 'reloadOrRestart') =>
    images.flatMap(({ contributions }) => contributions[key]).filter((unit) => !isUntouchable(unit));
  const lists: Listed[] = [
    { verb: 'restart', units: wanted(coming, 'restart') },
    { verb: 'reload-or-restart', units: wanted(coming, 'reloadOrRestart') },
    { verb: 'try-restart', units: wanted(leaving, 'restart') },
    { verb: 'try-reload-or-restart', units: wanted(leaving, 'reloadOrRestart') },
  ];
  const done = new Set<string>();
  return lists.map(({ verb, units }) => {
    const left = [...new Set(units)].filter((unit) => !done.has(unit));
    for (const unit of left) done.add(unit);
    return { verb, units: left };
  });
}

function wishes({ leaving, coming }: Seen): string[] {
  return [...leaving, ...coming].flatMap(({ contributions: { restart, reloadOrRestart } }) => [
    ...restart,
    ...reloadOrRestart,
  ]);
}

/** What was pulled in before as well is left as it is: it may have been stopped on purpose. */
function pulledUnits(seen: Seen): string[] {
  const { leaving, coming, units, enabled } = seen;
  const before = leaving.flatMap(({ contributions }) => contributions.pulls);
  const wasPulled = (pull: Pull) => before.some(({ by, unit }) => by === pull.by && unit === pull.unit);
  const isNew = ({ unit }: Pull) => !filesOf(leaving).includes(unit);
  const stateOf = (name: string) => units.find((unit) => unit.names.includes(name));
  const pulls = [
    ...coming.flatMap(({ contributions }) => contributions.pulls).filter((pull) => !wasPulled(pull)),
    ...enabled.filter(isNew),
  ];
  return [...new Set(pulls.filter(({ by }) => stateOf(by)?.active === 'active').map(({ unit }) => unit))]
    .filter((unit) => !isUntouchable(unit) && !isStarted(stateOf(unit)))
    .sort();
}

function isStarted(state: UnitState | undefined): boolean {
  return state !== undefined && (isUp(state) || state.load === 'masked');
}

function told(untouched: readonly string[]): string[] {
  return [...new Set(untouched)]
    .filter((unit) => !/\.(?:target|slice|scope|device)$/.test(unit))
    .map((unit) => `${unit} is left as it runs: only a reboot brings it to what is merged now`);
}
