import { basename, dirname, join } from 'node:path';

import { isAgentError } from '../core/errors.ts';
import { fileStatus, listNames, readTextIfAny } from '../host/files.ts';
import { lockHolder } from '../host/lock.ts';
import { belowRoot } from '../host/root.ts';
import { swapDirectories } from '../systemd/drivers/swap.ts';
import { unitFileState } from '../systemd/units.ts';
import type { Agent } from './agent.ts';
import { fine, problem, type Answer } from './answer.ts';
import {
  checkBus,
  checkClock,
  checkDriver,
  checkKernel,
  checkMetrics,
  checkMounts,
  checkSecurity,
  checkService,
  checkSpace,
  checkTools,
} from './doctor-host.ts';
import { digestIn } from './entries.ts';
import { damageOf } from './history-damage.ts';
import { openHistory } from './history.ts';
import { installedIn } from './installed.ts';
import { maskDirectories, maskMark } from './masks.ts';
import { masksBelow } from './observation.ts';
import { overview } from './overview.ts';
import { bootUnit } from './plan.ts';
import { digestOf } from './store.ts';
import { storedImages, storePath } from './stored-image.ts';

/** One thing that was looked at, and how it is. */
export interface Finding extends Answer {
  readonly check: CheckName;
}

/** What is looked at, in this order. */
export const checkNames = [
  'kernel',
  'systemd',
  'tools',
  'mounts',
  'driver',
  'space',
  'clock',
  'security',
  'bus',
  'service',
  'lock',
  'history',
  'store',
  'extensions',
  'masks',
  'leftovers',
  'boot',
  'metrics',
] as const;

export type CheckName = (typeof checkNames)[number];

const checks: Readonly<Record<CheckName, (agent: Agent) => Promise<Answer[]>>> = {
  kernel: () => Promise.resolve(checkKernel()),
  systemd: async ({ tool }) => {
    const { version, options } = await tool.features();
    const known = ['--no-reload', '--mutable', '--always-refresh'].filter((option) => options.includes(option));
    return [
      fine(`systemd-sysext ${version.major}.${version.minor}${known.length === 0 ? '' : `, with ${known.join(', ')}`}`),
    ];
  },
  tools: checkTools,
  mounts: (agent) => Promise.resolve(checkMounts(agent)),
  driver: checkDriver,
  space: (agent) => Promise.resolve(checkSpace(agent)),
  clock: (agent) => Promise.resolve(checkClock(agent)),
  security: () => Promise.resolve(checkSecurity()),
  bus: checkBus,
  service: checkService,
  lock: checkLock,
  history: (agent) => Promise.resolve(checkHistory(agent)),
  store: checkStore,
  extensions: checkExtensions,
  masks: ({ root }) => Promise.resolve(checkMasks(root)),
  leftovers: (agent) => Promise.resolve(checkLeftovers(agent)),
  boot: checkBoot,
  metrics: checkMetrics,
};

/**
 * Looks at what the agent assumes of the host, and at everything that it keeps there, each image and the whole history
 * read. Nothing is changed. What cannot be looked at is a problem, and does not end the others.
 */
export async function examine(agent: Agent): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const check of checkNames) {
    for (const answer of await answersOf(checks[check], agent)) findings.push({ check, ...answer });
  }
  return findings;
}

async function answersOf(check: (agent: Agent) => Promise<Answer[]>, agent: Agent): Promise<Answer[]> {
  try {
    return await check(agent);
  } catch (error) {
    if (!isAgentError(error)) throw error;
    return [problem(error.message, error.details.next)];
  }
}

/** What flock(1) ends with where another process holds the lock. */
const conflict = 75;

async function checkLock({ exec, paths }: Agent): Promise<Answer[]> {
  if (fileStatus(paths.lock) === undefined) return [fine('no operation has taken it yet')];
  const args = ['--nonblock', '--shared', '--conflict-exit-code', String(conflict), paths.lock, 'true'];
  const { exitCode, stderr } = await exec.run('flock', args);
  if (exitCode === conflict) {
    return [fine(`an operation is under way: ${readTextIfAny(paths.lock)?.trim() ?? ''}`)];
  }
  return [
    exitCode === 0 ? fine('nobody holds it') : problem(`it cannot be taken: ${stderr.trim()}`, 'Run it as root.'),
  ];
}

function checkHistory({ paths }: Agent): Answer[] {
  if (fileStatus(paths.history) === undefined) return [fine('nothing was done yet')];
  const damage = damageOf(paths.history);
  if (damage !== undefined) return [problem(`${paths.history}: ${damage}`, 'sysext-agent doctor --rebuild')];
  using history = openHistory(paths.history, { writable: false });
  const [last] = history.operations(1);
  return [fine(last === undefined ? 'it is sound and empty' : `it is sound, up to operation ${last.id}`)];
}

/** Also that what is in force has its image: without one it cannot be put in place again. */
async function checkStore(agent: Agent): Promise<Answer[]> {
  const { history: path, store } = agent.paths;
  const images = storedImages(store);
  const damaged = images
    .filter((image) => digestOf(image.path).sha256 !== digestIn(image.path))
    .map((image) => problem(`${image.path} is not what its name says`, 'Install what it belongs to again.'));
  using history = openHistory(path, { writable: false });
  const missing = (await installedIn(agent, history))
    .filter(({ kind, sha256 }) => fileStatus(storePath(store, kind, sha256)) === undefined)
    .map(({ name, source }) =>
      problem(`the image of ${name} is not in it`, `Install it again; it came from ${source}.`),
    );
  const all = [...damaged, ...missing];
  return all.length > 0 ? all : [fine(`${images.length} images, each what its name says`)];
}

async function checkExtensions(agent: Agent): Promise<Answer[]> {
  const { extensions, drift } = await overview(agent);
  const problems = drift.filter(({ harmless }) => !harmless).map(({ sentence, remedy }) => problem(sentence, remedy));
  const directories = extensions.flatMap(({ name, ours, path }) =>
    ours && path !== undefined ? alteredTree(agent, name, path) : [],
  );
  const all = [...problems, ...directories];
  return all.length > 0
    ? all
    : [fine(`${extensions.filter(({ ours }) => ours).length} of this agent, all as recorded`)];
}

/** A directory is a copy: each of its files can be another one. */
function alteredTree({ paths, root }: Agent, name: string, path: string): Answer[] {
  const place = belowRoot(root, path);
  if (fileStatus(place)?.isDirectory() !== true) return [];
  const { sha256 } = digestOf(place);
  if (fileStatus(storePath(paths.store, 'directory', sha256)) !== undefined) return [];
  return [problem(`files in ${path} were changed`, `sysext-agent remove ${name} && sysext-agent rollback`)];
}

function checkMasks(root: string): Answer[] {
  const masks = masksBelow(root);
  if (masks.length === 0) return [fine('there is none')];
  return masks.map(({ name, at }) => {
    const reason = readTextIfAny(join(belowRoot(root, at), maskMark))?.trim() ?? '';
    return problem(
      `${name} is masked by ${at}: ${reason}`,
      'Take its image away: `sysext-agent status` has the command.',
    );
  });
}

function checkLeftovers({ root, paths }: Agent): Answer[] {
  const masks = maskDirectories.map((directory) => belowRoot(root, directory));
  const left = [paths.store, paths.extensions, dirname(paths.history), ...masks].flatMap((directory) =>
    listNames(directory)
      .filter((name) => name.startsWith('.#'))
      .map((name) => join(directory, name)),
  );
  if (root === '/' && lockHolder(paths.lock) === undefined)
    left.push(...swapDirectories.filter((directory) => fileStatus(directory) !== undefined));
  if (left.length === 0) return [fine('nothing of a killed process is left')];
  return left.map((path) =>
    problem(`${path} is of a killed process`, 'The next operation removes it: sysext-agent refresh'),
  );
}

async function checkBoot(agent: Agent): Promise<Answer[]> {
  return [...(await checkMergeAtBoot(agent)), ...(await checkOwnUnits(agent))];
}

/** What each of our units does at boot, by what is missed where it is not enabled. */
const ownUnits = {
  'sysext-agent-boot.service': 'what does not fit the system that boots stays in place, and no set is given up',
  'sysext-agent-confirm.service': 'no boot is confirmed, and no set can be given up',
} as const;

/** A host that has them and has nothing installed misses nothing. */
async function checkOwnUnits({ exec, root, paths }: Agent): Promise<Answer[]> {
  const states = await Promise.all(
    Object.entries(ownUnits).map(async ([unit, missed]) => {
      return { unit, missed, state: await unitFileState(exec, root, unit) };
    }),
  );
  const there = states.filter(({ state }) => state !== 'not-found');
  const off = isEmpty(paths.extensions) ? [] : there.filter(({ state }) => state !== 'enabled');
  if (there.length === 0) return [fine('this host has no units of ours for its boots')];
  if (off.length === 0) return [fine(there.map(({ unit, state }) => `${unit} is ${state}`).join(', '))];
  return off.map(({ unit, missed, state }) =>
    problem(`${unit} is ${state}: ${missed}`, `systemctl unmask ${unit}; systemctl enable ${unit}`),
  );
}

function isEmpty(extensions: string): boolean {
  return listNames(extensions).every((name) => basename(name).startsWith('.#'));
}

async function checkMergeAtBoot(agent: Agent): Promise<Answer[]> {
  const state = await unitFileState(agent.exec, agent.root, bootUnit);
  if (state === 'enabled') return [fine(`${bootUnit} is enabled`)];
  if (isEmpty(agent.paths.extensions)) {
    return [fine(`${bootUnit} is ${state}, and there is nothing to merge`)];
  }
  return [
    problem(
      `${bootUnit} is ${state}: nothing is merged at boot`,
      `systemctl unmask ${bootUnit}; systemctl enable ${bootUnit}`,
    ),
  ];
}
