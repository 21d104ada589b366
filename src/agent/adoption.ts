import { isAgentError } from '../core/errors.ts';
import type { SystemdVersion } from '../core/systemd-version.ts';
import { ofTheStore } from '../core/verified-image.ts';
import { fileStatus } from '../host/files.ts';
import type { Agent } from './agent.ts';
import { readCandidate } from './candidate.ts';
import { ourEntries } from './entries.ts';
import type { InstalledExtension } from './history.ts';
import { digestOf } from './store.ts';
import { storePath } from './stored-image.ts';

/** What stands for the source of an extension whose record was lost. */
const source = 'found in place after the history was lost';

/** Nobody knows whose it was. */
const owner = { kind: 'unknown' } as const;

/** An extension of ours that is in place, told without the record. */
export interface FoundExtension {
  readonly extension: InstalledExtension;
  /** Whether its image is not what the store says that it is. */
  readonly damaged: boolean;
}

/** The extensions of ours that are in place: see foundInPlace(). */
export async function extensionsInPlace(agent: Agent): Promise<InstalledExtension[]> {
  return (await foundInPlace(agent)).map(({ extension }) => extension);
}

/**
 * The extensions of ours that are in place, told without the record: what systemd finds that is an image of our store.
 * Version and time are what the image says of itself.
 */
export async function foundInPlace(agent: Agent): Promise<FoundExtension[]> {
  const { extensions, store } = agent.paths;
  const entries = ourEntries(extensions, store);
  if (entries.length === 0) return [];
  const { version: systemd } = await agent.tool.features();
  const found: FoundExtension[] = [];
  for (const { name, kind, sha256 } of entries) {
    const path = storePath(store, kind, sha256);
    const digest = digestOf(path);
    const told = await selfDescription(agent, systemd, { name, path, sha256 });
    const installedAt = fileStatus(path)?.mtime ?? agent.clock.now();
    const extension = { name, ...told, source, sha256, size: digest.size, kind, installedAt, allowed: [], owner };
    found.push({ extension, damaged: digest.sha256 !== sha256 });
  }
  return found;
}

/** What an image says of itself: nothing, where it cannot be read any more. */
async function selfDescription(
  agent: Agent,
  systemd: SystemdVersion,
  { name, path, sha256 }: { readonly name: string; readonly path: string; readonly sha256: string },
): Promise<Pick<InstalledExtension, 'version' | 'release'>> {
  try {
    const { version, release } = await readCandidate(
      { ...ofTheStore(path, sha256), source, name },
      systemd,
      agent.exec,
    );
    return { version, release: release?.text ?? '' };
  } catch (error) {
    if (!isAgentError(error, 'invalid-image')) throw error;
    return { version: '', release: '' };
  }
}
