import type { Agent } from '../../agent/agent.ts';
import type { BootStatus } from '../../agent/boot-status.ts';
import type { Drift } from '../../agent/drift.ts';
import { waitingText, type WaitingChanges } from '../../agent/fleet/state.ts';
import type { FleetStatus, WaitingUpgrade } from '../../agent/fleet/status.ts';
import type { MergedImage } from '../../agent/merged-images.ts';
import type { ExtensionOverview } from '../../agent/overview.ts';
import { holderNames, type Absence } from '../../core/absence.ts';
import { AgentError, exitCodes } from '../../core/errors.ts';
import { otherRoot, type DriverChoice } from '../../systemd/drivers/choice.ts';
import type { OldProcesses } from '../../systemd/old-trees.ts';
import type { HierarchyStatus } from '../../systemd/sysext-output.ts';
import { common, type CommandSpec } from '../command.ts';
import { formatTime, show, tableLines } from '../output.ts';
import { agentFor } from '../invoker.ts';
import { problemLines } from '../problem-output.ts';
import { processesJson, processLines } from '../process-output.ts';
import { overviewJson } from './list.ts';

export const statusCommand: CommandSpec = {
  name: 'status',
  summary: 'show what is merged, and name every extension that is not',
  description:
    'Exits with 0 where every extension is merged as recorded, with 3 where one is not merged, and with 10 where all are and something differs from the record. What an operation that is under way changes does not count as that.',
  options: [
    common.root,
    common.json,
    { flags: '--processes', description: 'show which processes still have files of what was merged before' },
    common.noLegend,
    common.noPager,
  ],
  examples: [
    ['sysext-agent status', 'the hierarchies, what is merged into them, and since when'],
    ['sysext-agent status --json=pretty', 'the same as JSON'],
    ['sysext-agent status --processes', 'which services still run what was replaced'],
  ],
  run: async (invocation) => {
    const { overview } = await import('../../agent/overview.ts');
    const { rolledBackText } = await import('../../agent/rolled-back.ts');
    const { fleetStatus } = await import('../../agent/fleet/status.ts');
    const agent = await agentFor(invocation.options);
    const { hierarchies, extensions, confexts, merged, drift, absence, underWay, choice } = await overview(agent);
    const fleet = await fleetStatus(
      agent,
      extensions.some(({ owner }) => owner?.kind === 'fleet'),
    );
    const left = [...extensions, ...confexts.extensions].filter((extension) => !extension.merged);
    const mergedConfexts = confexts.hierarchies.filter(({ since }) => since !== undefined);
    const { bootStatus } = await import('../../agent/boot-status.ts');
    const boots = bootStatus(agent);
    const processes = invocation.options.flag('processes') ? await oldProcessesOf(agent) : undefined;
    const value = {
      hierarchies: hierarchies.map(hierarchyJson),
      extensions: extensions.map(overviewJson),
      confexts: {
        hierarchies: confexts.hierarchies.map(hierarchyJson),
        extensions: confexts.extensions.map(overviewJson),
      },
      merged: merged.map(mergedJson),
      drift,
      mergeDriver: { name: choice.driver, reason: choice.why, possible: choice.impossible !== true },
      underWay: underWay ?? null,
      unmergedFor: absence === undefined ? null : absenceJson(absence),
      boot: bootJson(boots),
      processes: processes === undefined ? null : processesJson(processes),
      fleet: {
        ...fleet,
        guard: fleet.guard ?? null,
        failure: fleet.failure ?? null,
        upgradeFailure: fleet.upgradeFailure ?? null,
        waiting: fleet.waiting === undefined ? null : waitingJson(fleet.waiting),
        upgrade: fleet.upgrade === undefined ? null : upgradeJson(fleet.upgrade),
      },
    };
    show(invocation, value, () => [
      ...hierarchyLines([...mergedConfexts, ...hierarchies], invocation.options.flag('legend')),
      ...driverLines(choice),
      ...(confexts.extensions.length === 0 || choice.driver === 'refresh' ? [] : confextDriverLines(confexts.choice)),
      ...(absence === undefined ? [] : [absenceLine(absence)]),
      ...(underWay === undefined ? [] : [`An operation is under way: ${underWay}`]),
      ...left.map((extension) => `${titleOf(extension)} is not merged: ${extension.whyNot ?? ''}`),
      ...extensions
        .filter(isThere)
        .flatMap(({ name, rolledBack }) => rolledBack.map((image) => `${name} ${rolledBackText(image)}`)),
      ...boots.notes.map((note) => `note: ${note}`),
      ...driftLines(drift),
      ...fleetLines(fleet),
      ...(processes === undefined ? [] : processLines(processes, invocation.options.flag('legend'))),
    ]);
    if (left.some(isThere)) return exitCodes.notMerged;
    return drift.every(({ harmless }) => harmless) ? exitCodes.ok : exitCodes.drifted;
  },
};

async function oldProcessesOf({ root }: Agent): Promise<OldProcesses> {
  if (root !== '/') throw new AgentError('usage', '--processes is about this host: below another root nothing runs');
  const { oldProcesses } = await import('../../systemd/old-trees.ts');
  return oldProcesses(process.getuid?.() === 0);
}

/** That there is no gap need not be said; below another root there always is one. */
function driverLines({ driver, why, impossible }: DriverChoice): string[] {
  if (impossible === true) return [`problem: merge.driver asks for atomic, and this host cannot do that: ${why}`];
  return driver === 'atomic' || why === otherRoot ? [] : [`note: a merge leaves a gap here (driver refresh): ${why}`];
}

/** Where the reason is another one than for system extensions. */
function confextDriverLines({ driver, why }: DriverChoice): string[] {
  return driver === 'atomic' ? [] : [`note: a merge of confexts leaves a gap here (driver refresh): ${why}`];
}

function titleOf(extension: ExtensionOverview): string {
  return extension.class === 'confext' ? `The confext ${extension.name}` : extension.name;
}

/** Whether there is anything of an extension but the memory of an image that was rolled back. */
function isThere({ merged, ours, path }: ExtensionOverview): boolean {
  return merged || ours || path !== undefined;
}

function bootJson({ generation, confirmedAt, attempts, givenUp, notes }: BootStatus): object {
  return {
    generation: generation ?? null,
    confirmedAt: confirmedAt?.toISOString() ?? null,
    attempts,
    givenUp: givenUp ?? null,
    notes,
  };
}

/** Why something is not merged is said already. */
function driftLines(drift: readonly Drift[]): string[] {
  const others = drift.filter(({ kind }) => kind !== 'not-merged');
  return others.map(
    ({ sentence, remedy, harmless }) => `${harmless ? 'note' : 'drift'}: ${sentence}; to mend it: ${remedy}`,
  );
}

function fleetLines({
  problems,
  pending,
  left,
  guard,
  failure,
  upgradeFailure,
  waiting,
  upgrade,
}: FleetStatus): string[] {
  return [
    ...problemLines('problem', problems),
    ...(guard === undefined ? [] : [`problem: ${guard.message}`, `  ${guard.next}`]),
    ...(failure === undefined ? [] : [`problem: the last attempt failed: ${failure}`]),
    ...(upgradeFailure === undefined ? [] : [`problem: the last upgrade failed: ${upgradeFailure}`]),
    ...[...pending, ...left].map((sentence) => `note: ${sentence}`),
    ...(waiting === undefined ? [] : [`note: ${waitingText(waiting, formatTime)}`]),
    ...(upgrade === undefined ? [] : [upgradeLine(upgrade)]),
  ];
}

function waitingJson({ names, reason, until }: WaitingChanges): object {
  return { names, reason, until: until?.toISOString() ?? null };
}

function upgradeJson({ since, delay }: WaitingUpgrade): object {
  const { reason = null, until } = delay ?? {};
  return { since: since.toISOString(), reason, until: until?.toISOString() ?? null };
}

function upgradeLine({
  since,
  delay: { reason, until } = { reason: 'the service has not done it yet' },
}: WaitingUpgrade): string {
  const end = until === undefined ? '' : ` until ${formatTime(until)}`;
  return `note: an upgrade asked for at ${formatTime(since)} waits${end}: ${reason}`;
}

function mergedJson({ name, known, path, sha256, current }: MergedImage): object {
  return { name, known, path: path ?? null, sha256: sha256 ?? null, current: current ?? null };
}

function hierarchyJson({ hierarchy, extensions, since }: HierarchyStatus): object {
  return { hierarchy, extensions, since: since?.toISOString() ?? null };
}

function absenceJson({ since, holders }: Absence): object {
  const packageManagers = holders.map(({ manager, pid }) => ({ name: manager, process: pid }));
  return { since: since.toISOString(), packageManagers };
}

function absenceLine({ since, holders }: Absence): string {
  const time = formatTime(since);
  return holders.length === 0
    ? `Unmerged for a package manager since ${time}, which did not come to its end: run \`sysext-agent apply\``
    : `Unmerged since ${time} for ${holderNames(holders)}, until that has ended`;
}

/** As `systemd-sysext status` prints it: one extension a line. */
function hierarchyLines(hierarchies: readonly HierarchyStatus[], legend: boolean): string[] {
  const rows = hierarchies.flatMap(({ hierarchy, extensions, since }) => {
    const time = since === undefined ? '-' : formatTime(since);
    const [first = since === undefined ? 'none' : '-', ...others] = extensions;
    return [[hierarchy, first, time], ...others.map((name) => ['', name, ''])];
  });
  return tableLines({ headings: ['HIERARCHY', 'EXTENSIONS', 'SINCE'], rows }, legend);
}
