/** File systems that an image can have: both are read-only, and both are taken by systemd-sysext (systemd-dissect(1)). */
export type ImageFormat = 'erofs' | 'squashfs';

export interface ImageRequest {
  /** The tree as files. */
  readonly directory: string;
  /** Where the image goes; what stands there is replaced. */
  readonly output: string;
  readonly uuid: string;
  /** Seconds since 1970: the time the image says it was made; no file in it is newer. */
  readonly timestamp: number;
}

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** The command that writes the image of a tree to `output`. */
export function commandFor(format: ImageFormat, request: ImageRequest): Command {
  return format === 'erofs' ? erofsCommand(request) : squashfsCommand(request);
}

/**
 * One command for every mkfs.erofs from 1.5 on (compared on 1.5 and 1.8.6). The option -T would set the time of every
 * file; SOURCE_DATE_EPOCH sets that of the file system and leaves files alone that are not newer. Without xattrs
 * (-x-1) no label of the building host gets in. Neither the order in which the host lists names nor the number of
 * mkfs.erofs's workers changes what it writes.
 */
function erofsCommand({ directory, output, uuid, timestamp }: ImageRequest): Command {
  return {
    program: 'mkfs.erofs',
    args: ['--quiet', '-zlz4hc', '-x-1', '--all-root', '--preserve-mtime', `-U${uuid}`, '--', output, directory],
    env: { SOURCE_DATE_EPOCH: String(timestamp) },
  };
}

/** mksquashfs takes the times from the same variable, and refuses it together with its own options for them. */
function squashfsCommand({ directory, output, timestamp }: ImageRequest): Command {
  const options = ['-noappend', '-all-root', '-no-xattrs', '-comp', 'zstd', '-quiet', '-no-progress'];
  return {
    program: 'mksquashfs',
    args: [directory, output, ...options],
    env: { SOURCE_DATE_EPOCH: String(timestamp) },
  };
}
