import type { Erofs } from '../host/erofs.ts';
import { extractErofs } from '../host/erofs-tools.ts';
import { listFiles } from '../host/file-system.ts';
import { fileStatus } from '../host/files.ts';
import { writeImage } from '../host/image-bytes.ts';
import type { Unpack } from './inode-tree.ts';
import { inTemporaryDirectory, type Tools } from './image-tree.ts';
import { checkUnpackedSize } from './unpacked-size.ts';

/** Unpacks an erofs image by fsck.erofs, which takes whole files only: a partition is copied to one before. */
export function unpackErofs(erofs: Erofs, { exec, signal }: Tools): Unpack {
  const { image } = erofs;
  return async (use) => {
    checkUnpackedSize(image.name, listFiles(erofs));
    return inTemporaryDirectory(async (directory) => {
      const isWhole = image.offset === 0 && image.size === fileStatus(image.name)?.size;
      const file = isWhole ? image.name : `${directory}/image.raw`;
      if (!isWhole) writeImage(image, file);
      await extractErofs(file, `${directory}/tree`, exec, signal);
      return use(`${directory}/tree`);
    });
  };
}
