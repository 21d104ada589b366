import type { Allowance } from '../core/contents/allow.ts';
import { AgentError } from '../core/errors.ts';
import { readDropIns, type DropIn } from '../host/drop-ins.ts';
import { fileStatus } from '../host/files.ts';
import { belowRoot } from '../host/root.ts';
import { configurationDirectories } from './configuration-directories.ts';
import type { Settings } from './settings-file.ts';

const mainName = 'agent.yml';

const unsaid: Settings = {
  allow: [],
  extensions: new Map(),
  health: [],
  windows: [],
  trust: [],
  registries: new Map(),
  webServers: new Map(),
  build: {},
};

/**
 * Reads `agent.yml` of the first directory that has one, and the files of `agent.d`; lists add up, and of single values the
 * last one counts.
 * @throws AgentError `invalid-config` with the problems of a file, or where others than root could have written it.
 */
export async function readSettings(root: string): Promise<Settings> {
  const files = configurationFiles(root);
  if (files.length === 0) return unsaid;
  for (const { path } of files) requireTrusted(path);
  const { parseSettings } = await import('./settings-file.ts');
  return joined(files.map(({ path, text }) => parseSettings(text, path)));
}

function configurationFiles(root: string): readonly DropIn[] {
  const below = (directory: string) => belowRoot(root, directory);
  const main = readDropIns(configurationDirectories.map(below), mainName).filter(({ name }) => name === mainName);
  return [
    ...main,
    ...readDropIns(
      configurationDirectories.map((directory) => below(`${directory}/agent.d`)),
      '.yml',
    ),
  ];
}

/** Whoever may write it decides what root merges. */
function requireTrusted(path: string): void {
  const status = fileStatus(path);
  const owner = status?.uid;
  if (status !== undefined && (owner === 0 || owner === process.getuid?.()) && (status.mode & 0o022) === 0) return;
  throw new AgentError('invalid-config', `${path} does not belong to root alone: others could have written it`, {
    left: 'Nothing was changed.',
    next: `Look at what it says, then: chown root ${path} && chmod go-w ${path}`,
  });
}

function joined(all: readonly Settings[]): Settings {
  const extensions = new Map<string, readonly Allowance[]>();
  for (const [name, allow] of all.flatMap((settings) => [...settings.extensions])) {
    extensions.set(name, [...(extensions.get(name) ?? []), ...allow]);
  }
  return {
    allow: all.flatMap(({ allow }) => allow),
    extensions,
    health: all.flatMap(({ health }) => health),
    windows: all.flatMap(({ windows }) => windows),
    trust: all.flatMap(({ trust }) => trust),
    webServers: new Map(all.flatMap(({ webServers }) => [...webServers])),
    build: Object.assign({}, ...all.map(({ build }) => build)) as Settings['build'],
    registries: new Map(all.flatMap(({ registries }) => [...registries])),
    ...lastSaid(all, 'mergeDriver'),
    ...lastSaid(all, 'mountOnce'),
    ...lastSaid(all, 'mergeTimeLimit'),
    ...lastSaid(all, 'fleetLock'),
    ...lastSaid(all, 'metricsDirectory'),
  };
}

type SingleValue = 'mergeDriver' | 'mountOnce' | 'mergeTimeLimit' | 'fleetLock' | 'metricsDirectory';

function lastSaid<K extends SingleValue>(all: readonly Settings[], key: K): Partial<Pick<Settings, K>> {
  const value = all.findLast((settings) => settings[key] !== undefined)?.[key];
  return value === undefined ? {} : ({ [key]: value } as Pick<Settings, K>);
}

/** What the configuration allows in an extension. */
export function allowedBy(settings: Settings, name: string): readonly Allowance[] {
  return [...settings.allow, ...(settings.extensions.get(name) ?? [])];
}
