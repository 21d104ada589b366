import type { Artifacts } from '../spec/artifacts.ts';
import type { Spec } from '../spec/spec.ts';
import type { Layout } from './layout.ts';
import { compressManualPages } from './manual-pages.ts';
import { ownFiles, type FilesAt, type FilesFrom, type OwnFiles } from './own-files.ts';

/** A spec's own package, which may still have to be made. */
export interface OwnPackage {
  /** By which the cache knows it: the same one has the same files. */
  readonly digest: string;
  files(): Promise<OwnFiles>;
}

/** What the package is made with. */
export interface OwnPackageSettings {
  readonly layout: Layout;
  /** The time of all its files: see timeOf(). */
  readonly epoch: number;
  readonly filesAt: FilesAt;
  readonly from: FilesFrom;
}

/**
 * The spec's own files, as its package would have them on the target.
 * @throws AgentError as ownFiles() and those of `filesAt`.
 */
export function ownPackage(spec: Spec, artifacts: Artifacts, settings: OwnPackageSettings): OwnFiles {
  const { layout } = settings;
  const own = ownFiles(artifacts, { ...settings, pkg: spec.name, placing: spec.placing });
  return { ...own, entries: layout.family === 'deb' ? compressManualPages(own.entries) : own.entries };
}

/**
 * In seconds since 1970: as the request says, else the day of the newest change, as package builders take it from a
 * changelog (reproducible-builds.org, SOURCE_DATE_EPOCH); 0 where there is none.
 */
export function timeOf({ changelog }: Spec, sourceDateEpoch: number | undefined): number {
  const times = changelog.map(({ date }) => Date.parse(`${date}T00:00:00Z`) / 1000).filter((time) => time > 0);
  return sourceDateEpoch ?? Math.max(0, ...times);
}
