import { join } from 'node:path';

import { AgentError } from '../../core/errors.ts';
import { followLinks } from '../../core/links.ts';
import { linkStatus } from '../../host/files.ts';
import { linkTarget } from '../../host/root.ts';

/**
 * Where a path leads in a tree of layers, so that no part of the answer is a symbolic link: what is put there must not
 * be led elsewhere by a link that a program left behind.
 * @param layers the lowest first.
 * @returns an absolute path within the tree.
 */
export function placeIn(layers: readonly string[], path: string): string {
  const found = followLinks(path, (inside) => {
    const layer = layers.findLast((directory) => linkStatus(join(directory, inside)) !== undefined);
    return layer === undefined ? undefined : linkTarget(join(layer, inside));
  });
  if (found === undefined) throw new AgentError('usage', `too many symbolic links in ${path}`);
  return `/${found}`;
}
