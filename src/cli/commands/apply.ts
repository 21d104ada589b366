import type { FleetReport } from '../../agent/fleet/reconcile.ts';
import { exitCodes, type ExitCode } from '../../core/errors.ts';
import { systemClock } from '../../host/clock.ts';
import { changeJson, changeLines, showChange } from '../change-output.ts';
import { changeOptions, type CommandSpec, type Invocation } from '../command.ts';
import { changedByService } from '../by-service.ts';
import { agentFor } from '../invoker.ts';
import { show } from '../output.ts';
import { problemLines } from '../problem-output.ts';
import { terminalProgress } from '../progress.ts';

export const applyCommand: CommandSpec = {
  name: 'apply',
  summary: 'bring the host to what is recorded, where something else has changed it',
  description:
    'Entries of ours that were lost come back, what is damaged goes out of sight, and what fits is merged. Where all is well nothing is done. ' +
    'With --fleet extensions are installed, replaced and removed as the drop-ins of extensions.d say, as the service does; ' +
    'exits with 1 where some of that cannot be done.',
  options: [
    { flags: '--fleet', description: 'bring the host to what the drop-ins of extensions.d want as well' },
    ...changeOptions,
  ],
  examples: [
    ['sysext-agent apply', 'repair what was changed by hand'],
    ['sysext-agent apply --dry-run', 'tell the steps only'],
    ['sysext-agent apply --fleet', 'do once what the service does'],
  ],
  run: async (invocation) => {
    const { options, signal } = invocation;
    const dryRun = options.flag('dryRun');
    const asked = dryRun ? undefined : await changedByService(invocation, 'apply', { method: 'Apply', body: [] });
    if (asked !== undefined) return asked;
    if (options.flag('fleet')) return applyFleet(invocation, dryRun);
    const { applyRecord } = await import('../../agent/converge.ts');
    showChange(invocation, await applyRecord(await agentFor(options, signal), { dryRun, signal }));
    return exitCodes.ok;
  },
};

async function applyFleet(invocation: Invocation, dryRun: boolean): Promise<ExitCode> {
  const { options, signal, terminal } = invocation;
  const { reconcileFleet } = await import('../../agent/fleet/reconcile.ts');
  const { wishedImages } = await import('../wished-image.ts');
  const progress = terminalProgress(terminal, () => systemClock.monotonic());
  const images = wishedImages(options, progress);
  const report = await reconcileFleet(await agentFor(options, signal), images, { dryRun, signal });
  progress.finish();
  showFleet(invocation, report);
  return report.problems.length === 0 && report.guard === undefined ? exitCodes.ok : exitCodes.failed;
}

function showFleet(invocation: Invocation, report: FleetReport): void {
  const { problems, guard, warnings } = report;
  for (const warning of warnings) invocation.terminal.note(`note: ${warning}`);
  for (const line of problemLines('problem', problems)) invocation.terminal.note(line);
  if (guard !== undefined) invocation.terminal.note(`problem: ${guard.message}\n${guard.next}`);
  show(invocation, { ...changeJson(report), problems, guard: guard ?? null }, () => changeLines(report));
}
