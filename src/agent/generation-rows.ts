import type Database from 'better-sqlite3';

import { withHealth, type HealthCheck } from '../core/health.ts';
import type { AllowedRecord } from './allowed.ts';
import { ownerOf, withOwner, type Owner } from './owner.ts';
import { withPublished, type PublishedRecord } from './published-record.ts';
import type { BadImage, Generation, GenerationState, Hold, InstalledExtension } from './records.ts';

/** Generations, holds and bad images in the history's database: what history.ts gives its transactions and errors. */

export interface ExtensionRow extends Omit<
  InstalledExtension,
  'installedAt' | 'allowed' | 'health' | 'owner' | 'published'
> {
  readonly installed_at: string;
  readonly allowed: string;
  readonly health: string;
  readonly owner: string;
  readonly published: string;
}

interface GenerationRow {
  readonly number: number;
  readonly parent: number | null;
  readonly state: GenerationState;
  readonly confirmed_at: string | null;
  readonly started_at: string;
}

const selection = 'SELECT generation.*, started_at FROM generation JOIN operation ON id = number';

/** Records a generation, of the number of its operation, whose parent is the active one. */
export function addGeneration(
  database: Database.Database,
  number: number,
  state: GenerationState,
  extensions: readonly InstalledExtension[],
): void {
  database
    .prepare('INSERT INTO generation (number, parent, state) VALUES (?, ?, ?)')
    .run(number, activeNumber(database) ?? null, state);
  const add = database.prepare(
    'INSERT INTO generation_extension (generation, name, version, sha256, size, kind, source, "release", installed_at, allowed, health, owner, published) VALUES (?, @name, @version, @sha256, @size, @kind, @source, @release, @installedAt, @allowed, @health, @owner, @published)',
  );
  for (const extension of extensions) add.run(number, columnsOf(extension));
}

/** An extension as the columns of a row. */
export function columnsOf(installed: InstalledExtension): object {
  const { installedAt, allowed, health = [], owner, published = null, ...extension } = installed;
  return {
    ...extension,
    installedAt: installedAt.toISOString(),
    allowed: JSON.stringify(allowed),
    health: JSON.stringify(health),
    owner: JSON.stringify(ownerOf({ owner })),
    published: JSON.stringify(published),
  };
}

/** Puts a generation in force, and the one before it out of it. */
export function activate(
  database: Database.Database,
  number: number,
  before: 'superseded' | 'given-up' = 'superseded',
): void {
  database.prepare(`UPDATE generation SET state = ? WHERE state = 'active'`).run(before);
  database.prepare(`UPDATE generation SET state = 'active' WHERE number = ?`).run(number);
}

/** Ends a generation that did not come into force; where there is none of that number nothing happens. */
export function give(database: Database.Database, number: number, state: 'failed' | 'rolled-back'): void {
  database.prepare('UPDATE generation SET state = ? WHERE number = ?').run(state, number);
}

/** The number of the generation that is in force. */
export function activeNumber(database: Database.Database): number | undefined {
  return database
    .prepare<[], { number: number }>(
      `SELECT number FROM generation WHERE state = 'active' ORDER BY number DESC LIMIT 1`,
    )
    .get()?.number;
}

export function generationOf(database: Database.Database, number: number): Generation | undefined {
  const row = database.prepare<[number], GenerationRow>(`${selection} WHERE number = ?`).get(number);
  return row === undefined ? undefined : fullGeneration(database, row);
}

/** The newest generations that are or were in force and were not given up, newest first. */
export function generationsInForce(database: Database.Database, limit: number): Generation[] {
  return newestOf(database, ['active', 'superseded'], limit).map((row) => fullGeneration(database, row));
}

/** The generation that was in force when the operation of this number had ended. */
export function generationAt(database: Database.Database, number: number): Generation | undefined {
  const [row] = newestOf(database, ['active', 'superseded', 'given-up'], 1, number);
  return row === undefined ? undefined : fullGeneration(database, row);
}

/** The newest generations that a boot was confirmed with, and that are or were in force, newest first. */
export function confirmedGenerations(database: Database.Database, limit: number): Generation[] {
  return database
    .prepare<[number], GenerationRow>(
      `${selection} WHERE confirmed_at IS NOT NULL AND state IN ('active', 'superseded') ORDER BY number DESC LIMIT ?`,
    )
    .all(limit)
    .map((row) => fullGeneration(database, row));
}

/** Each state apart, along its index: for all at once SQLite would sort all generations that there are. */
function newestOf(
  database: Database.Database,
  states: readonly GenerationState[],
  limit: number,
  upTo = Number.MAX_SAFE_INTEGER,
): GenerationRow[] {
  const newest = (state: GenerationState) =>
    `SELECT * FROM (SELECT number, parent, state, confirmed_at FROM generation WHERE state = '${state}' AND number <= @upTo ORDER BY number DESC LIMIT @limit)`;
  return database
    .prepare<[{ limit: number; upTo: number }], GenerationRow>(
      `SELECT newest.*, started_at FROM (${states.map(newest).join(' UNION ALL ')}) AS newest JOIN operation ON id = number ORDER BY number DESC LIMIT @limit`,
    )
    .all({ limit, upTo });
}

function fullGeneration(database: Database.Database, row: GenerationRow): Generation {
  const { number, parent, state, started_at, confirmed_at } = row;
  return {
    number,
    ...(parent === null ? {} : { parent }),
    state,
    madeAt: new Date(started_at),
    ...(confirmed_at === null ? {} : { confirmedAt: new Date(confirmed_at) }),
    extensions: extensionsOf(database, number),
  };
}

function extensionsOf(database: Database.Database, generation: number): InstalledExtension[] {
  return database
    .prepare<[number], ExtensionRow>(
      'SELECT name, version, sha256, size, kind, source, "release", installed_at, allowed, health, owner, published FROM generation_extension WHERE generation = ? ORDER BY name',
    )
    .all(generation)
    .map(extensionOf);
}

/** The extension that a row is about. */
export function extensionOf({
  installed_at,
  allowed,
  health,
  owner,
  published,
  ...row
}: ExtensionRow): InstalledExtension {
  return {
    ...row,
    installedAt: new Date(installed_at),
    allowed: JSON.parse(allowed) as AllowedRecord[],
    ...withHealth(JSON.parse(health) as HealthCheck[]),
    ...withOwner(JSON.parse(owner) as Owner),
    ...withPublished((JSON.parse(published) as PublishedRecord | null) ?? undefined),
  };
}

export function versionsFrom(database: Database.Database, place: string, name: string): string[] {
  return database
    .prepare<[string, string], string>(
      `SELECT DISTINCT version FROM generation_extension JOIN generation ON number = generation
       WHERE published <> 'null' AND name = ? AND json_extract(published, '$.place') = ? AND state IN ('active', 'superseded')`,
    )
    .pluck()
    .all(name, place);
}

export function holds(database: Database.Database): Hold[] {
  return database
    .prepare<[], { name: string; since: string }>('SELECT name, since FROM hold ORDER BY name')
    .all()
    .map(({ name, since }) => ({ name, since: new Date(since) }));
}

export function addHold(database: Database.Database, { name, since }: Hold, operation: number): void {
  database
    .prepare('INSERT INTO hold (name, since, operation) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING')
    .run(name, since.toISOString(), operation);
}

export function removeHold(database: Database.Database, name: string): void {
  database.prepare('DELETE FROM hold WHERE name = ?').run(name);
}

/** Notes which generation was in force when this boot was first seen; later calls of the same boot change nothing. */
export function noteBoot(database: Database.Database, bootId: string, now: Date): void {
  if (database.prepare('SELECT 1 FROM boot WHERE boot_id = ?').get(bootId) !== undefined) return;
  database
    .prepare('INSERT INTO boot (boot_id, generation, seen_at) VALUES (?, ?, ?)')
    .run(bootId, activeNumber(database) ?? null, now.toISOString());
}

/** The generation that was in force when this boot was first seen. */
export function generationBooted(database: Database.Database, bootId: string): number | undefined {
  const row = database
    .prepare<[string], { generation: number | null }>('SELECT generation FROM boot WHERE boot_id = ?')
    .get(bootId);
  return row?.generation ?? undefined;
}

/** Notes that a boot came up well, and with the generation where one is given. */
export function confirmBoot(
  database: Database.Database,
  bootId: string,
  generation: number | undefined,
  now: Date,
): void {
  const time = now.toISOString();
  database.prepare('UPDATE boot SET confirmed_at = coalesce(confirmed_at, ?) WHERE boot_id = ?').run(time, bootId);
  if (generation === undefined) return;
  database
    .prepare('UPDATE generation SET confirmed_at = coalesce(confirmed_at, ?) WHERE number = ?')
    .run(time, generation);
}

/** The last boot that came up well, by the generation that it began with: none where nothing was installed then. */
export function lastConfirmedBoot(
  database: Database.Database,
): { readonly generation: number | undefined } | undefined {
  const row = database
    .prepare<[], { generation: number | null }>(
      'SELECT generation FROM boot WHERE confirmed_at IS NOT NULL ORDER BY confirmed_at DESC LIMIT 1',
    )
    .get();
  return row === undefined ? undefined : { generation: row.generation ?? undefined };
}

export function badImages(database: Database.Database): BadImage[] {
  return database
    .prepare<[], Required<Omit<BadImage, 'since'>> & { since: string }>('SELECT * FROM bad_image ORDER BY since')
    .all()
    .map(({ since, version, ...image }) => ({
      ...image,
      ...(version === '' ? {} : { version }),
      since: new Date(since),
    }));
}

export function addBadImage(database: Database.Database, image: BadImage): void {
  database
    .prepare(
      'INSERT INTO bad_image (sha256, name, version, kind, reason, since) VALUES (@sha256, @name, @version, @kind, @reason, @since) ON CONFLICT (sha256) DO UPDATE SET kind = @kind, reason = @reason, since = @since',
    )
    .run({ ...image, version: image.version ?? '', since: image.since.toISOString() });
}

export function removeBadImage(database: Database.Database, sha256: string): void {
  database.prepare('DELETE FROM bad_image WHERE sha256 = ?').run(sha256);
}
