import { join } from 'node:path';

import { sysext, type ExtensionClass } from '../core/extension-class.ts';
import { listNames, readTextIfAny } from '../host/files.ts';

/**
 * Whether a release file in a merged tree asks for the manager to be reloaded, as systemd-sysext does it from 255 on.
 * @param root the directory that has the tree at `usr`, or at `etc`.
 */
export function wantsReload(root: string, { releaseDirectory }: ExtensionClass = sysext): boolean {
  const directory = join(root, releaseDirectory);
  return listNames(directory).some((name) =>
    /^EXTENSION_RELOAD_MANAGER=["']?(?:1|yes|y|true|t|on)["']?\s*$/im.test(readTextIfAny(join(directory, name)) ?? ''),
  );
}
