import { readTextIfAny } from '../../host/files.ts';
import type { SourceMeans } from './means.ts';

/** The keys of all servers that this host or this user knows, as a file of ssh has them. */
export function knownServers({ knownHosts }: Pick<SourceMeans, 'knownHosts'>): string {
  return knownHosts.map((path) => `${readTextIfAny(path) ?? ''}\n`).join('');
}

/** ssh that asks nobody, and speaks only with servers that this file knows. */
export function strictSsh(knownFile: string): string {
  return `ssh -F /dev/null -o UserKnownHostsFile=${knownFile} -o StrictHostKeyChecking=yes -o BatchMode=yes`;
}
