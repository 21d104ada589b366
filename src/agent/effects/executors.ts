import { dirname } from 'node:path';

import { AgentError, isAgentError, messageOf } from '../../core/errors.ts';
import type { Clock } from '../../host/clock.ts';
import type { Exec } from '../../host/exec.ts';
import { removeIfEmpty, unlinkDurably } from '../../host/files.ts';
import { updateHwdb, updateLoaderCache, updateModules } from '../../systemd/caches.ts';
import { reloadBus, reloadUdev } from '../../systemd/daemons.ts';
import { changeUnits, forgetFailures, isUp, reloadManager, unitStates } from '../../systemd/manager.ts';
import { makeFiles, makeUsers } from '../../systemd/settings-tools.ts';
import { releaseUnitFiles, withholdUnitFiles } from '../../systemd/withholding.ts';
import { isUnchanged } from './observation.ts';
import type { EffectStep } from './steps.ts';
import { requireUnitsUp } from './units-up.ts';

/** What the steps around a merge work with. */
export interface Bench {
  readonly exec: Exec;
  readonly clock: Clock;
  readonly warnings: string[];
}

type StepOf<K extends EffectStep['kind']> = Extract<EffectStep, { readonly kind: K }>;
type Executors = {
  readonly [K in EffectStep['kind']]: (bench: Bench, step: StepOf<K>) => void | Promise<void>;
};

/** How each of them is taken. All can be taken twice; what takes them back is the settlement of their plan. */
const executors: Executors = {
  stop: ({ exec }, { units, withhold }) => stopUnits(exec, units, withhold),
  'take-back': (_, { copies }) => {
    for (const copy of copies) if (copy.kind !== 'directory' && isUnchanged(copy)) unlinkDurably(copy.to);
    const directories = copies.filter(({ kind }) => kind === 'directory').map(({ to }) => to);
    for (const directory of directories.sort().reverse()) if (dirname(directory) !== '/') removeIfEmpty(directory);
  },
  sysusers: (bench, { files }) => whereInstalled(bench, () => makeUsers(bench.exec, files)),
  tmpfiles: (bench, { files }) => whereInstalled(bench, () => makeFiles(bench.exec, files)),
  ldconfig: (bench) => orWarn(bench, 'libraries may not be found', () => updateLoaderCache(bench.exec)),
  hwdb: (bench) => orWarn(bench, 'the hardware database is not up to date', () => updateHwdb(bench.exec)),
  depmod: async (bench, { kernels }) => {
    for (const kernel of kernels) {
      const what = `modprobe does not find the modules for ${kernel}: load them with insmod, or build the image with modules.dep`;
      await orWarn(bench, what, () => updateModules(bench.exec, kernel));
    }
  },
  udev: (bench) => orWarn(bench, 'udev has its old rules', () => reloadUdev(bench.exec)),
  bus: (bench) => orWarn(bench, 'the system bus has its old configuration', () => reloadBus(bench.exec)),
  reload: async ({ exec }, { withheld }) => {
    releaseUnitFiles(withheld);
    await reloadManager(exec);
  },
  units: (bench, { verb, units }) =>
    orWarn(bench, `systemctl ${verb} ${units.join(' ')}`, async () => {
      const { exitCode, stderr } = await changeUnits(bench.exec, verb, units);
      if (exitCode !== 0) throw new AgentError('tool-failed', stderr.trim().split('\n')[0] ?? '');
    }),
  'units-up': ({ exec, clock }, { loaded, running }) => requireUnitsUp({ exec, clock }, loaded, running),
};

/** Takes one step. @throws AgentError where the change must not stay without it. */
export async function takeEffect<K extends EffectStep['kind']>(
  bench: Bench,
  step: StepOf<K> & { readonly kind: K },
): Promise<void> {
  await executors[step.kind](bench, step);
}

type Describers = { readonly [K in EffectStep['kind']]: (step: StepOf<K>) => string };

const describers: Describers = {
  stop: ({ units }) => `stop ${units.join(', ')}`,
  'take-back': ({ copies }) => `remove ${paths(copies)}`,
  sysusers: ({ files }) => `systemd-sysusers ${files.join(' ')}`,
  tmpfiles: ({ files }) => `systemd-tmpfiles --create ${files.join(' ')}`,
  ldconfig: () => 'ldconfig',
  hwdb: () => 'systemd-hwdb update',
  depmod: ({ kernels }) => `depmod ${kernels.join(', ')}`,
  udev: () => 'udevadm control --reload',
  bus: () => 'have the system bus read its configuration again',
  reload: () => 'systemctl daemon-reload',
  units: ({ verb, units }) => `systemctl ${verb} ${units.join(' ')}`,
  'units-up': ({ loaded, running }) =>
    `see whether units are well: ${[...new Set([...running, ...loaded])].join(', ')}`,
};

/** A step in words. */
export function describeEffect<K extends EffectStep['kind']>(step: StepOf<K> & { readonly kind: K }): string {
  return describers[step.kind](step);
}

/** Whether a step is one of those around a merge. */
export function isEffect(step: { readonly kind: string }): step is EffectStep {
  return Object.hasOwn(executors, step.kind);
}

function paths(copies: StepOf<'take-back'>['copies']): string {
  return copies
    .filter(({ kind }) => kind !== 'directory')
    .map(({ to }) => to)
    .join(', ');
}

/** What is upheld would be started again at once: what upholds it is withheld from the manager before. */
async function stopUnits(exec: Exec, units: readonly string[], withhold: readonly string[]): Promise<void> {
  const states = await unitStates(exec, units);
  const named = (some: typeof states) => some.flatMap(({ names }) => names.slice(0, 1));
  const up = named(states.filter(isUp));
  if (up.length > 0) {
    withholdUnitFiles(withhold);
    if (withhold.length > 0) await reloadManager(exec);
    const { exitCode, stderr } = await changeUnits(exec, 'stop', up);
    if (exitCode !== 0) {
      throw new AgentError('tool-failed', `cannot stop ${up.join(', ')}`, { facts: stderr.trimEnd().split('\n') });
    }
  }
  const failed = named((await unitStates(exec, units)).filter(({ active }) => active === 'failed'));
  if (failed.length > 0) await forgetFailures(exec, failed);
}

/** A host without such a tool does without what it makes. */
async function whereInstalled(bench: Bench, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isAgentError(error, 'tool-missing')) throw error;
    bench.warnings.push(messageOf(error));
  }
}

/** What is no reason to take a change back. */
async function orWarn(bench: Bench, what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isAgentError(error)) throw error;
    const [fact] = error.details.facts ?? [];
    bench.warnings.push(`${what}: ${fact === undefined ? error.message : `${error.message}: ${fact}`}`);
  }
}
