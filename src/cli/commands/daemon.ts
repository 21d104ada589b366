import type { ServiceParts } from '../../agent/daemon/service.ts';
import { exitCodes, isAgentError } from '../../core/errors.ts';
import { systemClock } from '../../host/clock.ts';
import type { Progress } from '../../host/progress.ts';
import { systemdRuns } from '../../systemd/sysext-tool.ts';
import type { TransientHost } from '../../systemd/transient.ts';
import { common, type CommandSpec, type Options } from '../command.ts';
import { hostExec, requireRoot, rootOf } from '../invoker.ts';

export const daemonCommand: CommandSpec = {
  name: 'daemon',
  summary: 'run the service that keeps this host as the drop-ins of extensions.d say',
  description:
    'Runs in the foreground until SIGTERM; systemd runs it as sysext-agent.service. Acts when files of the configuration change, ' +
    'and on SIGHUP. Tells what it does as JSON, a line each.',
  options: [common.root],
  examples: [
    ['systemctl enable --now sysext-agent.service', 'the usual way'],
    ['sysext-agent daemon --root=tree', 'for the system below a directory, until Ctrl-C'],
  ],
  run: async ({ options, signal }) => {
    requireRoot('run the service');
    const { createLog } = await import('../../host/log.ts');
    const { createNotifier } = await import('../../systemd/notify.ts');
    const { Narration } = await import('../../agent/daemon/narration.ts');
    const { runService, serviceLoop } = await import('../../agent/daemon/service.ts');
    const { wishedImages } = await import('../wished-image.ts');
    const log = await createLog(process.env);
    const notifier = createNotifier(hostExec(), process.env);
    const narration = new Narration(log, notifier);
    await using bus = await busIfAny(options);
    const parts = {
      root: rootOf(options),
      clock: systemClock,
      random: Math.random,
      log,
      notifier,
      narration,
      images: wishedImages(options, progressTo(narration)),
      agentFor: await agentMaker(options, bus.host),
    };
    const service = serviceLoop(parts);
    const reload = () => {
      service.loop.poke('SIGHUP');
    };
    process.on('SIGHUP', reload);
    if (bus.host !== undefined) await outlast(bus.host, signal);
    await runService(parts, service, signal);
    process.off('SIGHUP', reload);
    return exitCodes.ok;
  },
};

function progressTo(narration: { progress(what: string): void }): Progress {
  const tell = (what: string) => {
    narration.progress(what);
  };
  return { step: tell, warn: tell, expect: () => undefined, advance: () => undefined };
}

interface BusIfAny extends AsyncDisposable {
  readonly host?: TransientHost;
}

/** On a running system PID 1 merges, since the service sees the host from a sandbox. */
async function busIfAny(options: Options): Promise<BusIfAny> {
  if (rootOf(options) !== '/' || !systemdRuns()) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const { createBus } = await import('../../systemd/bus/client.ts');
  const { createManager } = await import('../../systemd/bus-manager.ts');
  const bus = createBus({ clock: systemClock });
  const manager = createManager(bus, systemClock);
  const host = { manager, clock: systemClock, directory: '/run/sysext-agent/runs' };
  return { host, [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose]() };
}

/** A killed service may have left systemd-sysext at work. Without a bus nothing can be known of that. */
async function outlast(host: TransientHost, signal: AbortSignal): Promise<void> {
  const { outlastLeft } = await import('../../systemd/transient.ts');
  try {
    await outlastLeft(host, signal);
  } catch (error) {
    if (!isAgentError(error) && !signal.aborted) throw error;
  }
}

/** How long an operation of someone else is waited for, in seconds; then it is tried again later. */
const patience = 60;

async function agentMaker(options: Options, host: TransientHost | undefined): Promise<ServiceParts['agentFor']> {
  const { createAgent } = await import('../../agent/agent.ts');
  const { transientDriver } = await import('../../systemd/drivers/transient.ts');
  const root = rootOf(options);
  return (signal, reason) => {
    const agent = createAgent({
      root,
      exec: hostExec(signal),
      clock: systemClock,
      actor: { uid: process.getuid?.() ?? 0, command: 'sysext-agent daemon' },
      reason,
      waitSeconds: patience,
      signal,
    });
    return host === undefined ? agent : { ...agent, driver: transientDriver(agent.tool, host) };
  };
}
