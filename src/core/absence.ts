/** A process of a package manager that is at work. */
export interface Holder {
  /** The package manager: `apt`. */
  readonly manager: string;
  readonly pid: number;
  /** When the process began, as the kernel has it: numbers of processes come again. */
  readonly startedAt: string;
}

/**
 * Extensions that were taken away for package managers, since a merged `/usr` cannot be written. One may run another,
 * as apt runs dpkg: they are merged again when the last of them has ended.
 */
export interface Absence {
  readonly since: Date;
  /** Names that were merged before. */
  readonly merged: readonly string[];
  readonly holders: readonly Holder[];
}

export interface Beginning {
  readonly absence: Absence | undefined;
  readonly holder: Holder;
  /** Names that are merged now. */
  readonly merged: readonly string[];
  /** Whether it is remembered even where nothing is merged: nothing must be merged meanwhile. */
  readonly always?: boolean;
  readonly now: Date;
  readonly isAlive: (holder: Holder) => boolean;
}

/** What is to be remembered when a package manager begins; undefined where nothing was taken away, nor is now. */
export function begun({ absence, holder, merged, always = false, now, isAlive }: Beginning): Absence | undefined {
  const others = without(absence?.holders ?? [], holder).filter(isAlive);
  const holders = [...others, holder];
  if (merged.length > 0) return { since: others.length > 0 ? (absence?.since ?? now) : now, merged, holders };
  if (absence === undefined) return always ? { since: now, merged, holders } : undefined;
  return { ...absence, holders };
}

/** What is to be remembered when a package manager has ended: without holders, extensions are to be merged again. */
export function ended(absence: Absence, holder: Holder | undefined, isAlive: (holder: Holder) => boolean): Absence {
  return { ...absence, holders: without(absence.holders, holder).filter(isAlive) };
}

function without(holders: readonly Holder[], holder: Holder | undefined): readonly Holder[] {
  return holders.filter(({ pid, startedAt }) => pid !== holder?.pid || startedAt !== holder.startedAt);
}

/** The file that remembers it, as text. */
export function renderAbsence(absence: Absence): string {
  return `${JSON.stringify(absence)}\n`;
}

/** Reads such a text; undefined where it is none. */
export function parseAbsence(text: string): Absence | undefined {
  const value = parseJson(text);
  if (!isRecord(value)) return undefined;
  const { since, merged, holders } = value;
  const time = new Date(typeof since === 'string' ? since : NaN);
  if (Number.isNaN(time.getTime()) || !Array.isArray(merged) || !Array.isArray(holders)) return undefined;
  return {
    since: time,
    merged: merged.filter((name) => typeof name === 'string'),
    holders: holders.filter(isHolder),
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function isHolder(value: unknown): value is Holder {
  return (
    isRecord(value) &&
    typeof value['manager'] === 'string' &&
    typeof value['pid'] === 'number' &&
    typeof value['startedAt'] === 'string'
  );
}

/** The package managers that are at work, in words: `apt (process 812), dpkg (process 840)`. */
export function holderNames(holders: readonly Holder[]): string {
  return holders.map(({ manager, pid }) => `${manager} (process ${pid})`).join(', ');
}
