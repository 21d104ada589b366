import { sha256 } from '../../host/digest.ts';
import type { Artifacts } from '../spec/artifacts.ts';
import type { Spec } from '../spec/spec.ts';
import type { Contexts } from '../source/context.ts';
import { localFiles } from '../source/files.ts';
import type { Layout } from './layout.ts';
import { compressManualPages } from './manual-pages.ts';
import { digestText, ownFiles, type OwnFiles } from './own-files.ts';

/** The files of a spec's own package, and a digest by which the cache knows them. */
export interface OwnPackage extends OwnFiles {
  readonly digest: string;
}

/** What the package is made with. */
export interface OwnPackageSettings {
  readonly layout: Layout;
  readonly contexts: Contexts;
  readonly cacheDirectory: string;
  /** Seconds since 1970; undefined: the day of the spec's newest change. */
  readonly sourceDateEpoch?: number;
}

/**
 * The spec's own files, as its package would have them on the target.
 * @throws AgentError as ownFiles() and contextFiles().
 */
export function ownPackage(spec: Spec, artifacts: Artifacts, settings: OwnPackageSettings): OwnPackage {
  const { layout, contexts, cacheDirectory, sourceDateEpoch } = settings;
  const filesAt = localFiles(spec.sources, contexts, cacheDirectory);
  const own = ownFiles(
    artifacts,
    { layout, pkg: spec.name, placing: spec.placing },
    filesAt,
    sourceDateEpoch ?? newestChange(spec),
  );
  const entries = layout.family === 'deb' ? compressManualPages(own.entries) : own.entries;
  return { ...own, entries, digest: sha256(digestText(entries)) };
}

/** As package builders take it from a changelog (reproducible-builds.org, SOURCE_DATE_EPOCH); 0 where there is none. */
function newestChange({ changelog }: Spec): number {
  const times = changelog.map(({ date }) => Date.parse(`${date}T00:00:00Z`) / 1000).filter((time) => time > 0);
  return Math.max(0, ...times);
}
