import fs from 'node:fs';
import { dirname, join } from 'node:path';

import { hostApt } from './apt.ts';
import { labCache } from './cache.ts';

/** A directory that stands for `/` of a host with Debian 13, and its cache. */
export interface BuildingHost {
  readonly root: string;
  readonly cache: string;
}

/**
 * The host that tests build on. It is kept for the next run and shared by all of them: the build roots in its cache take
 * minutes to make. Several may ask for it at a time.
 */
export async function buildingHost(): Promise<BuildingHost> {
  const root = labCache('made');
  const { mirror, security, settings } = await hostApt();
  const sources = [
    `deb ${mirror} trixie main`,
    `deb ${mirror} trixie-updates main`,
    `deb ${security} trixie-security main`,
  ];
  put(join(root, 'etc/os-release'), 'ID=debian\nVERSION_ID=13\n');
  put(join(root, 'etc/apt/sources.list'), `${sources.join('\n')}\n`);
  put(join(root, 'etc/apt/apt.conf.d/90host'), `${settings.join('\n')}\n`);
  return { root, cache: join(root, 'var/cache/sysext-agent') };
}

/** Whoever reads it meanwhile reads a whole file. */
function put(path: string, text: string): void {
  fs.mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.${process.pid}~`;
  fs.writeFileSync(fresh, text);
  fs.renameSync(fresh, path);
}
