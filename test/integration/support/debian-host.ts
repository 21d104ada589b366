import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { hostApt } from '../../lab/apt.ts';
import { labCache } from '../../lab/cache.ts';

/**
 * A root directory that stands for a host with Debian 13, whose apt has the mirrors of this one. It is kept with its cache for
 * the next run of the tests: the build roots in there take minutes to make.
 */
export async function debianHost(): Promise<string> {
  const root = labCache('made');
  const { mirror, security, settings } = await hostApt();
  const sources = [
    `deb ${mirror} trixie main`,
    `deb ${mirror} trixie-updates main`,
    `deb ${security} trixie-security main`,
  ];
  put(join(root, 'etc/os-release'), ['ID=debian', 'VERSION_ID=13']);
  put(join(root, 'etc/apt/sources.list'), sources);
  put(join(root, 'etc/apt/apt.conf.d/90host'), settings);
  return root;
}

/** At once, since other tests read it. */
function put(path: string, lines: readonly string[]): void {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${lines.join('\n')}\n`);
  renameSync(temporary, path);
}
