import { AgentError } from '../core/errors.ts';
import type { ImageEntry } from '../core/image-entry.ts';

const mostUnpacked = 16 * 1024 ** 3;

/**
 * Sizes in an image are only claims: unpacking stops before it begins where they would fill the disk.
 * @throws AgentError `invalid-image`
 */
export function checkUnpackedSize(image: string, entries: readonly Pick<ImageEntry, 'size'>[]): void {
  const size = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (size <= mostUnpacked) return;
  throw new AgentError('invalid-image', `cannot read the files of ${image}: unpacked they would have ${size} bytes`, {
    next: `This program unpacks ${mostUnpacked} bytes at most. Have the image built with fewer packed files.`,
  });
}
