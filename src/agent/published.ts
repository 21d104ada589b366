import { compareVersions } from '../core/version-order.ts';
import { isInRange, type VersionRange } from '../core/version-range.ts';
import { fileStatus } from '../host/files.ts';
import type { Agent } from './agent.ts';
import { openHistory } from './history.ts';
import type { BadImage } from './records.ts';
import { recordedImage, type StoredImage } from './stored-image.ts';

/** What this host knows of images that it fetched before. */
export interface PublishedBefore {
  /** The images in the store by the sha256 of the blobs that they were in. */
  readonly images: ReadonlyMap<string, StoredImage>;
  /** Why an image must not come again, in words that follow its version; undefined where it may. @param sha256 of it. */
  readonly denied: (sha256: string) => string | undefined;
  /**
   * The highest version of an extension that ever came from a place.
   * @param range of the versions that count.
   */
  readonly highest: (place: string, name: string, range?: VersionRange) => string | undefined;
}

/** How many sets are looked through for images that are here. */
const recentSets = 20;

/** Reads from the history what was fetched before. Nothing is written. */
export function publishedBefore(agent: Agent): PublishedBefore {
  using history = openHistory(agent.paths.history, { writable: false });
  const images = new Map<string, StoredImage>();
  for (const extension of history.generations(recentSets).flatMap(({ extensions }) => extensions)) {
    const image = recordedImage(agent.paths.store, extension);
    if (extension.published !== undefined && fileStatus(image.path) !== undefined) {
      images.set(extension.published.blob, image);
    }
  }
  const denied = new Map(
    history
      .badImages()
      .filter(({ kind }) => kind === 'unhealthy')
      .map((bad) => [bad.sha256, bad]),
  );
  return {
    images,
    denied: (sha256) => denialText(denied.get(sha256)),
    highest: (place, name, range) => highestOf(agent, place, name, range),
  };
}

function denialText(bad: BadImage | undefined): string | undefined {
  return bad && `it was rolled back on ${bad.since.toISOString()}: ${bad.reason}`;
}

function highestOf(agent: Agent, place: string, name: string, range: VersionRange | undefined): string | undefined {
  using history = openHistory(agent.paths.history, { writable: false });
  return history
    .versionsFrom(place, name)
    .filter((version) => range === undefined || isInRange(version, range))
    .sort(compareVersions)
    .at(-1);
}
