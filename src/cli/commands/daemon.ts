import packageJson from '../../../package.json' with { type: 'json' };
import type { Api, ApiParts } from '../../agent/daemon/api/api.ts';
import type { Narration } from '../../agent/daemon/narration.ts';
import type { Explanation } from '../../agent/explain.ts';
import { pathsBelow } from '../../agent/paths.ts';
import { exitCodes } from '../../core/errors.ts';
import { messages } from '../../core/messages.ts';
import { systemClock } from '../../host/clock.ts';
import type { Log } from '../../host/log.ts';
import type { Progress } from '../../host/progress.ts';
import type { Bus } from '../../systemd/bus/client.ts';
import type { NameState } from '../../systemd/bus/incoming.ts';
import { systemdRuns } from '../../systemd/sysext-tool.ts';
import type { TransientHost } from '../../systemd/transient.ts';
import { common, type CommandSpec, type Options } from '../command.ts';
import { hostExec, requireRoot, rootOf } from '../invoker.ts';
import { renderTransfer, transferMeter } from '../progress.ts';

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
    const { Metrics } = await import('../../agent/daemon/metrics.ts');
    const { runService, serviceLoop } = await import('../../agent/daemon/service.ts');
    const { wishedImages } = await import('../wished-image.ts');
    const log = await createLog(process.env);
    const notifier = createNotifier(hostExec(), process.env);
    const narration = new Narration(log, notifier);
    await using bus = await busIfAny(options);
    const agentFor = await agentMaker(options, log, bus.host);
    const api = bus.bus === undefined ? undefined : await apiOn(bus.bus, log, agentFor, signal);
    await using metrics = new Metrics(agentFor(signal, undefined));
    const progress = progressTo(narration, api);
    const beforehand = bus.host && (await import('../build-by-manager.ts')).buildByManager(bus.host);
    const images = wishedImages(options, progress, { beforehand });
    const newest = wishedImages(options, progress, { beforehand, refresh: true });
    const parts = {
      root: rootOf(options),
      clock: systemClock,
      random: Math.random,
      log,
      notifier,
      narration,
      images,
      newest,
      audiences: api === undefined ? [metrics] : [api, metrics],
      agentFor,
    };
    const service = serviceLoop(parts);
    const reload = () => {
      service.loop.poke('SIGHUP');
    };
    process.on('SIGHUP', reload);
    api?.serve({ loop: service.loop, images, newest });
    await metrics.serve(log);
    await runService(parts, service, signal);
    process.off('SIGHUP', reload);
    return exitCodes.ok;
  },
};

/** How often a job tells how far a transfer is, in milliseconds. */
const interval = 1000;

function progressTo(narration: Pick<Narration, 'progress'>, api: Api | undefined): Progress {
  const meter = transferMeter(() => systemClock.monotonic());
  let told = 0;
  const tell = (what: string) => {
    narration.progress(what);
    api?.progress(what);
  };
  return {
    step: tell,
    warn: tell,
    expect: meter.expect,
    found: meter.found,
    advance: (bytes) => {
      meter.advance(bytes);
      const now = systemClock.monotonic();
      if (now - told < interval) return;
      told = now;
      api?.transfer(renderTransfer(meter.now()).trimStart());
    },
  };
}

interface BusIfAny extends AsyncDisposable {
  readonly bus?: Bus;
  readonly host?: TransientHost;
}

/** On a running system PID 1 merges, since the service sees the host from a sandbox. */
async function busIfAny(options: Options): Promise<BusIfAny> {
  if (rootOf(options) !== '/' || !systemdRuns()) return { [Symbol.asyncDispose]: () => Promise.resolve() };
  const { createBus } = await import('../../systemd/bus/client.ts');
  const { createManager } = await import('../../systemd/bus-manager.ts');
  const bus = createBus({ clock: systemClock });
  const manager = createManager(bus, systemClock);
  const host = { manager, clock: systemClock, directory: pathsBelow('/').runs };
  return { bus, host, [Symbol.asyncDispose]: () => bus[Symbol.asyncDispose]() };
}

/** What others can ask of the service over the bus. */
async function apiOn(bus: Bus, log: Log, agentFor: AgentMaker, stop: AbortSignal): Promise<Api> {
  const { Api } = await import('../../agent/daemon/api/api.ts');
  const { explanationText } = await import('../explanation.ts');
  const { checkImage } = await import('../fit.ts');
  const named = (state: NameState) => {
    if (state === 'taken') log.tell(messages.nameTaken);
    if (state === 'refused') log.tell(messages.nameRefused);
  };
  const textOf = (explanation: Explanation) => Promise.resolve(explanationText(explanation));
  return new Api(
    { bus, version: packageJson.version, agentFor, explanationText: textOf, check: checkImage, named },
    stop,
  );
}

type AgentMaker = ApiParts['agentFor'];

/** How long an operation of someone else is waited for, in seconds; then it is tried again later. */
const patience = 60;

async function agentMaker(options: Options, log: Log, host: TransientHost | undefined): Promise<AgentMaker> {
  const { createAgent } = await import('../../agent/agent.ts');
  const { byManager } = await import('../../systemd/drivers/transient.ts');
  const { unitFileStateBy } = await import('../../systemd/units.ts');
  const root = rootOf(options);
  const service = { uid: process.getuid?.() ?? 0, command: 'sysext-agent daemon' };
  return (signal, reason, actor = service) => {
    const exec = hostExec(signal);
    const manager = host && {
      onHost: byManager(host),
      unitFileState: (unit: string) => unitFileStateBy(host.manager, exec, unit),
    };
    return createAgent(
      {
        root,
        exec,
        clock: systemClock,
        actor,
        log,
        ...(reason === undefined ? {} : { reason }),
        waitSeconds: patience,
        signal,
      },
      manager,
    );
  };
}
