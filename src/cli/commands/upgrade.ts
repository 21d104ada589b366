import { exitCodes, AgentError, type ExitCode } from '../../core/errors.ts';
import { systemClock } from '../../host/clock.ts';
import { changedByService } from '../by-service.ts';
import { changeJson, changeLines } from '../change-output.ts';
import { changeOptions, common, type CommandSpec, type Invocation } from '../command.ts';
import { agentFor, hostExec, requireRoot, rootOf } from '../invoker.ts';
import { show } from '../output.ts';
import { problemLines } from '../problem-output.ts';
import { terminalProgress } from '../progress.ts';

export const upgradeCommand: CommandSpec = {
  name: 'upgrade',
  arguments: '[name...]',
  summary: 'look for newer versions of what the drop-ins have installed and of what was fetched, and install them',
  description:
    'Specs are built from the packages that there are now, images are read again where they are, publishers are asked again; what has changed is installed in one operation. ' +
    'What is held, and what else was installed by hand, stays as it is and is named. Without a NAME everything is looked at. ' +
    'Exits with 1 where some of it cannot be done, or a NAME stays as it is.',
  options: [
    {
      flags: '--unattended',
      description: 'have the service do it, as soon as a maintenance window is open and the fleet lock has a slot',
    },
    { flags: '--check', description: 'tell what is published by now, and fetch and change nothing' },
    common.noLegend,
    ...changeOptions,
  ],
  examples: [
    ['sysext-agent upgrade', 'everything that has a newer version'],
    ['sysext-agent upgrade --check', 'is there anything newer?'],
    ['sysext-agent upgrade --dry-run jq', 'tell the steps only, for jq'],
    ['systemctl enable --now sysext-agent-upgrade.timer', 'once a day, by the service'],
  ],
  run: async (invocation) => {
    const { options, args } = invocation;
    const dryRun = options.flag('dryRun');
    if (options.flag('check')) return check(invocation);
    if (!options.flag('unattended')) {
      const request = { method: 'Upgrade', body: [args] } as const;
      const asked = dryRun ? undefined : await changedByService(invocation, 'upgrade extensions', request);
      return asked ?? upgrade(invocation, dryRun);
    }
    if (!dryRun) requireRoot('upgrade extensions');
    if (args.length > 0 || dryRun) {
      throw new AgentError('usage', '--unattended goes with no NAME and no --dry-run: the service looks at everything');
    }
    return leaveToService(invocation);
  },
};

async function upgrade(invocation: Invocation, dryRun: boolean): Promise<ExitCode> {
  const { args, options, signal, terminal } = invocation;
  const { upgradeFleet } = await import('../../agent/fleet/upgrade.ts');
  const { forgetUpgrade } = await import('../../agent/unattended/due-upgrade.ts');
  const { wishedImages } = await import('../wished-image.ts');
  const progress = terminalProgress(terminal, () => systemClock.monotonic());
  const agent = await agentFor(options, signal);
  const report = await upgradeFleet(agent, wishedImages(options, progress, { refresh: true }), args, {
    dryRun,
    signal,
  });
  progress.finish();
  const { problems, left, warnings } = report;
  if (!dryRun && args.length === 0 && problems.length === 0) forgetUpgrade(agent);
  for (const warning of [...warnings, ...left]) terminal.note(`note: ${warning}`);
  for (const line of problemLines('problem', problems)) terminal.note(line);
  const isNothing = report.extensions.length === 0 && report.steps.length === 0;
  show(invocation, { ...changeJson(report), problems, left }, () => [
    ...(isNothing ? ['There is nothing newer.'] : []),
    ...changeLines(report),
  ]);
  return problems.length > 0 || (args.length > 0 && left.length > 0) ? exitCodes.failed : exitCodes.ok;
}

/** What an upgrade would find, without fetching it. */
async function check(invocation: Invocation): Promise<ExitCode> {
  const { args, options, signal, terminal } = invocation;
  const { upgradeOutlook } = await import('../../agent/fleet/outlook.ts');
  const { newestPublished } = await import('../wished-image.ts');
  const { outlookJson, outlookLines } = await import('../outlook-output.ts');
  const progress = terminalProgress(terminal, () => systemClock.monotonic());
  const agent = await agentFor(options, signal);
  const report = await upgradeOutlook(agent, newestPublished(options, progress), args, signal);
  progress.finish();
  for (const note of report.left) terminal.note(`note: ${note}`);
  show(invocation, outlookJson(report), () => outlookLines(report, options.flag('legend')));
  return report.outlooks.some(({ kind }) => kind === 'failed') ? exitCodes.failed : exitCodes.ok;
}

/** Leaves a note that the service finds at once, or when it starts. */
async function leaveToService(invocation: Invocation): Promise<ExitCode> {
  const { options, signal } = invocation;
  const { askForUpgrade } = await import('../../agent/unattended/due-upgrade.ts');
  const { unitStates } = await import('../../systemd/manager.ts');
  askForUpgrade(await agentFor(options, signal));
  const [service] = rootOf(options) === '/' ? await unitStates(hostExec(signal), ['sysext-agent.service']) : [];
  const runs = service?.active === 'active';
  show(invocation, { asked: true, serviceRuns: runs }, () => [
    runs
      ? 'The service looks for newer versions as soon as it may: see `sysext-agent status`.'
      : 'The service is not running: it looks for newer versions when it starts and may.',
  ]);
  return exitCodes.ok;
}
