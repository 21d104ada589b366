import { isAgentError } from '../../core/errors.ts';
import type { FileIdentity } from '../../host/file-identity.ts';
import { fileStatus, listNames } from '../../host/files.ts';
import type { HostProgram, MergeWay } from './driver.ts';

/**
 * Images of the store that are mounted once, and that the merges of a private mount namespace find as directories:
 * systemd-sysext attaches and dissects every raw image at every merge. native/sysext-agent-images.c does it.
 */

/** Where they are mounted: a directory that only root can enter. */
export const mountedImages = '/run/sysext-agent/images';

export const imagesProgram = 'sysext-agent-images';

/** The file systems that are mounted: those that cannot be written to at all. */
export type MountedType = 'erofs' | 'squashfs';

/** An image that a merge may find mounted. */
export interface OfferedImage {
  /** Of the extension: its entry is `/var/lib/extensions/NAME.raw`. */
  readonly name: string;
  readonly type: MountedType;
  /** In the store. */
  readonly path: string;
  /** What it is mounted as. */
  readonly key: string;
}

/** What tells one state of a stored image from every other: what was repaired or altered since is mounted anew. */
export function keyOf(sha256: string, { inode, mtime }: Pick<FileIdentity, 'inode' | 'mtime'>): string {
  return `${sha256}.${inode}.${mtime}`;
}

/** The state of the stored image that is mounted at a path; undefined where that is none of ours. */
export function mountedAt(path: string): Pick<FileIdentity, 'inode' | 'mtime'> | undefined {
  const [, inode, mtime] = /^\/run\/sysext-agent\/images\/[0-9a-f]{64}\.(\d+)\.(\d+)$/.exec(path) ?? [];
  return inode === undefined ? undefined : { inode: Number(inode), mtime: Number(mtime) };
}

/** The keys of what is mounted: a directory on another device than the directory around it. */
export function mountedKeys(): string[] {
  const around = fileStatus(mountedImages)?.dev;
  return listNames(mountedImages).filter((key) => fileStatus(`${mountedImages}/${key}`)?.dev !== around);
}

/** What systemd-sysext printed, with the files in place of what they are mounted as: from 260 on it follows links. */
export function saidOfFiles(said: readonly string[], images: readonly OfferedImage[]): string[] {
  return said.map((line) => images.reduce((text, { name, key }) => text.replaceAll(key, `${name}.raw`), line));
}

type Argv = readonly [string, ...string[]];

/** Mounts images, and lets merges see them. */
export interface ImageMounts {
  /** The keys of all that is there, mounted or not any more. */
  there(): readonly string[];
  /** A program with all of this mounted before it runs, as far as that can be done: in the host's namespace. */
  mounting(images: readonly OfferedImage[], argv: Argv): Argv;
  /** A program that finds what is mounted as directories: in a namespace of its own. */
  offering(images: readonly OfferedImage[], argv: Argv): Argv;
  /** Takes off all others. Where that fails now the next operation does it. */
  keep(keys: readonly string[]): Promise<void>;
}

/** @param program its absolute path. */
export function imageMountsBy(program: string, onHost: HostProgram): ImageMounts {
  const there = () => listNames(mountedImages);
  return {
    there,
    mounting: (images, argv) => {
      const mounted = mountedKeys();
      const missing = images.filter(({ key }) => !mounted.includes(key));
      const words = missing.flatMap(({ type, path, key }) => [type, path, key]);
      return missing.length === 0 ? argv : [program, 'mount', ...words, '--', ...argv];
    },
    offering: (images, argv) => {
      const words = images.flatMap(({ name, key }) => [name, key]);
      return images.length === 0 ? argv : [program, 'offer', ...words, '--', ...argv];
    },
    keep: async (keys) => {
      if (there().every((key) => keys.includes(key))) return;
      try {
        await onHost({ name: 'take-off-images', argv: [program, 'keep', ...keys] });
      } catch (error) {
        if (!isAgentError(error)) throw error;
      }
    },
  };
}

/** Where none can be mounted. */
export const noImageMounts: ImageMounts = {
  there: () => [],
  mounting: (_, argv) => argv,
  offering: (_, argv) => argv,
  keep: () => Promise.resolve(),
};

/** A way after which just the images are mounted that what is merged is made of: those of before where it changed nothing. */
export function keepingMounts(way: MergeWay, mounts: ImageMounts): MergeWay {
  return async (verb, options, images) => {
    const before = mounts.there();
    const prepared = await orKeep(mounts, before, () => way(verb, options, images));
    return {
      ...prepared,
      commit: async () => {
        const end = await prepared.commit();
        await mounts.keep(end.exitCode === 0 ? images.map(({ key }) => key) : before);
        return end;
      },
      abort: async () => {
        await prepared.abort();
        await mounts.keep(before);
      },
    };
  };
}

async function orKeep<T>(mounts: ImageMounts, before: readonly string[], work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await mounts.keep(before);
    throw error;
  }
}
