import { join } from 'node:path';

import { fileStatus, listNames } from '../host/files.ts';
import { entryPath } from './activation.ts';
import type { Agent } from './agent.ts';
import { readCandidate } from './candidate.ts';
import type { InstalledExtension } from './history.ts';
import { digestOf } from './store.ts';
import { isActive, storedImages } from './stored-image.ts';

/** What stands for the source of an extension whose record was lost. */
const source = 'found in place after the history was lost';

/**
 * The extensions of ours that are in place, told without the record: what systemd finds that is an image of our store.
 * Version and time are what the image says of itself.
 */
export async function extensionsInPlace(agent: Agent): Promise<InstalledExtension[]> {
  const { extensions, store } = agent.paths;
  const images = storedImages(store);
  if (images.length === 0) return [];
  const { version: systemd } = await agent.tool.features();
  const found: InstalledExtension[] = [];
  for (const entry of listNames(extensions)) {
    const image = images.find((candidate) => isActive(join(extensions, entry), candidate));
    const name = image?.kind === 'raw' ? entry.replace(/\.raw$/, '') : entry;
    if (image === undefined || entryPath(extensions, name, image.kind) !== join(extensions, entry)) continue;
    const { version, release } = await readCandidate({ path: image.path, source, name }, systemd, agent.exec);
    const installedAt = fileStatus(image.path)?.mtime ?? agent.clock.now();
    const { sha256, size } = digestOf(image.path);
    const told = { name, version, source, release: release?.text ?? '' };
    found.push({ ...told, sha256, size, kind: image.kind, installedAt, allowed: [] });
  }
  return found;
}
