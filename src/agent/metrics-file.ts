import { join } from 'node:path';

import { isAgentError } from '../core/errors.ts';
import { fileStatus, readTextIfAny, writeAtomically } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import type { Agent } from './agent.ts';
import { readSettings } from './settings.ts';
import type { Settings } from './settings-file.ts';

/** The name of our file in the directory whose files node_exporter tells. */
export const metricsFileName = 'sysext_agent.prom';

/** Where node_exporter has that directory, where nobody says otherwise: the first that exists. */
const usualDirectories = ['/var/lib/node_exporter/textfile_collector', '/var/lib/prometheus/node-exporter'];

/** Where the numbers are written, as a real path; undefined where they are not. */
export function metricsDirectory(root: string, { metricsDirectory: configured }: Settings): string | undefined {
  if (configured === 'off') return undefined;
  const candidates = (configured === undefined ? usualDirectories : [configured]).map((path) => belowRoot(root, path));
  return candidates.find((path) => fileStatus(path)?.isDirectory() === true);
}

/**
 * Writes the numbers of this host for node_exporter, where it has a directory for them, and they are others than there. It
 * never fails: whatever it follows has been done. `doctor` tells what is wrong.
 */
export async function publishMetrics(agent: Agent): Promise<void> {
  try {
    const directory = metricsDirectory(agent.root, await readSettings(agent.root));
    if (directory === undefined) return;
    const { metricsNow } = await import('./metrics.ts');
    const text = await metricsNow(agent);
    const path = join(directory, metricsFileName);
    if (readTextIfAny(path) !== text) writeAtomically(path, text);
  } catch (error) {
    if (!isAgentError(error)) throw error;
  }
}
