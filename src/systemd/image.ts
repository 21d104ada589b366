import { AgentError } from '../core/errors.ts';
import type { ImageEntry } from '../core/image-entry.ts';
import { sysext, type ExtensionClass } from '../core/extension-class.ts';
import { followLinks } from '../core/links.ts';
import { isImageName } from '../core/names.ts';
import type { ReleaseFile } from '../core/release-file.ts';
import type { Exec } from '../host/exec.ts';
import type { Partition } from '../host/gpt.ts';
import { openTree } from './open-image.ts';
import type { ImageFormat, ImageTree } from './image-tree.ts';

export type { ImageEntry } from '../core/image-entry.ts';

/** An extension-release file with what it holds. */
export interface ReleaseText extends ReleaseFile {
  readonly text: string;
}

/** What an image shows of itself to whoever decides whether it may be merged. */
export interface ImageFacts {
  readonly format: ImageFormat;
  /** The partitions of a disk image, which the format is then that of one of. */
  readonly partitions?: readonly Partition[];
  /** The files of the directory where its class has them, by name. */
  readonly releaseFiles: readonly ReleaseText[];
  /** Whether it carries usr/lib/os-release, which an extension must not. */
  readonly hasOsRelease: boolean;
  /** The hierarchies it adds something to, such as `usr`. */
  readonly hierarchies: readonly string[];
}

/**
 * Reads of an image what decides whether systemd-sysext could merge it. Nothing is mounted, but for what
 * only systemd-dissect opens, which mounts it apart from the host. erofs and ext4 are read in this process.
 * @param path a `.raw` file or a directory.
 * @param imageName where these facts are for an image of this name alone: attributes that nothing hangs on then are left
 * out of those of a directory.
 * @throws AgentError `no-such-file`; `invalid-image` for what systemd-sysext could not merge; `tool-missing`,
 * `not-root` and the like where this host cannot tell.
 */
export function readImageFacts(
  path: string,
  exec: Exec,
  imageName?: string,
  extensionClass: ExtensionClass = sysext,
): Promise<ImageFacts> {
  return openTree(path, { exec }, (tree) => factsOf(path, tree, imageName, extensionClass));
}

/**
 * The same together with everything in the image, in one reading.
 * @throws AgentError as readImageFacts().
 */
export function readImage(
  path: string,
  exec: Exec,
  signal?: AbortSignal,
): Promise<{ readonly facts: ImageFacts; readonly entries: readonly ImageEntry[] }> {
  return openTree(path, { exec, signal }, async (tree) => ({
    facts: await factsOf(path, tree),
    entries: await tree.listWithCapabilities(),
  }));
}

/**
 * Lists everything in an image but its root, sorted by the bytes of the paths.
 * @throws AgentError as readImageFacts().
 */
export function listImage(path: string, exec: Exec, signal?: AbortSignal): Promise<readonly ImageEntry[]> {
  return openTree(path, { exec, signal }, (tree) => tree.listWithCapabilities());
}

/**
 * The same without capabilities and attributes of overlays, which only what judges an image needs: to see those of a
 * directory, or of squashfs, takes a program.
 * @throws AgentError as readImageFacts().
 */
export function listWithoutAttributes(path: string, exec: Exec): Promise<readonly ImageEntry[]> {
  return openTree(path, { exec }, (tree) => Promise.resolve(tree.list()));
}

const releasePrefix = 'extension-release.';
/** A release file has some hundred bytes, and an image one of them. */
const largestRelease = 1024 * 1024;
const mostReleases = 64;

/**
 * @param name what messages call the image.
 * @param imageName as in readImageFacts().
 */
export async function factsOf(
  name: string,
  tree: ImageTree,
  imageName?: string,
  extensionClass: ExtensionClass = sysext,
): Promise<ImageFacts> {
  const found = releaseFilesIn(name, tree, extensionClass);
  // Beside the file of exactly this name no other counts, whatever its attribute says.
  const exact = imageName === undefined ? undefined : `${releasePrefix}${imageName}`;
  const attributes = !found.some((file) => file.name === exact);
  const contents = await tree.readReleases([...new Set(found.map((file) => file.place))], attributes);
  return {
    format: tree.format,
    ...(tree.partitions === undefined ? {} : { partitions: tree.partitions }),
    releaseFiles: found.flatMap(({ place, ...file }) => {
      const content = contents.get(place);
      return content === undefined ? [] : [{ ...file, text: content.text, ...strictOf(file.regular, content.strict) }];
    }),
    hasOsRelease: hasOsRelease(name, tree),
    // With /usr first.
    hierarchies: extensionClass.hierarchies
      .map(insideOf)
      .toReversed()
      .filter((hierarchy) => {
        const place = placeOf(tree, hierarchy);
        return place !== undefined && tree.namesIn(place).length > 0;
      }),
  };
}

/**
 * Whether there is a file /usr/lib/os-release, which would make it an operating system.
 * @throws AgentError `invalid-image` for anything else under that name: over a directory systemd-sysext fails, and for a
 * writer to a fifo it waits without end.
 */
function hasOsRelease(name: string, tree: ImageTree): boolean {
  const path = 'usr/lib/os-release';
  const place = placeOf(tree, path);
  const kind = place === undefined ? undefined : tree.entryAt(place)?.kind;
  if (kind === undefined || kind === 'file') return kind === 'file';
  throw new AgentError('invalid-image', `${name} has a ${kind} for /${path}, which must be a file or not be there`);
}

/** The attribute of a file that a link leads to is not the link's. */
function strictOf(regular: boolean, strict: string | undefined): { strict?: string } {
  return regular && strict !== undefined ? { strict } : {};
}

interface FoundRelease extends ReleaseFile {
  /** The path of the file itself, links followed. */
  readonly place: string;
}

function releaseFilesIn(name: string, tree: ImageTree, { releaseDirectory }: ExtensionClass): FoundRelease[] {
  const directory = placeOf(tree, insideOf(releaseDirectory));
  const names = (directory === undefined ? [] : tree.namesIn(directory)).filter(isReleaseName);
  if (names.length > mostReleases) throw new AgentError('invalid-image', `${name} has ${names.length} release files`);
  return names.flatMap((file) => {
    const path = `${directory ?? ''}/${file}`;
    const place = placeOf(tree, path);
    const entry = place === undefined ? undefined : tree.entryAt(place);
    if (entry?.kind === 'fifo') {
      throw new AgentError(
        'invalid-image',
        `${name} has a fifo for /${path}: systemd-sysext would wait for its writer`,
      );
    }
    if (place === undefined || entry?.kind !== 'file') return [];
    if (entry.size > largestRelease) {
      throw new AgentError('invalid-image', `${name} has a release file of ${entry.size} bytes: /${path}`);
    }
    return [{ name: file, regular: place === path, place }];
  });
}

/** Names that are not UTF-8 are none to systemd; a decoder has put U+FFFD for what was wrong in them. */
function isReleaseName(name: string): boolean {
  return name.startsWith(releasePrefix) && isImageName(name.slice(releasePrefix.length)) && !name.includes('\ufffd');
}

/** A path of the host as a path inside an image. */
function insideOf(path: string): string {
  return path.replace(/^\//, '');
}

/** Where a path leads inside the image, or undefined where there is nothing. */
function placeOf(tree: ImageTree, path: string): string | undefined {
  const place = followLinks(path, (inside) => tree.entryAt(inside)?.target);
  return place === undefined || tree.entryAt(place) === undefined ? undefined : place;
}
