import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { promisify } from 'node:util';

import { isAgentError, renderError } from '../../../src/core/errors.ts';
import { systemClock } from '../../../src/host/clock.ts';
import { createExec } from '../../../src/host/exec.ts';
import { createBus } from '../../../src/systemd/bus/client.ts';
import { driverNames, type DriverWish } from '../../../src/systemd/drivers/choice.ts';
import type { MergeDriver } from '../../../src/systemd/drivers/driver.ts';
import { hostDriver } from '../../../src/systemd/drivers/host-driver.ts';
import { byManager } from '../../../src/systemd/drivers/transient.ts';
import { mergedNames } from '../../../src/systemd/merged.ts';
import { createManager, type UnitVerb } from '../../../src/systemd/bus-manager.ts';
import { createSysextTool, type MergeOptions, type MergeVerb } from '../../../src/systemd/sysext-tool.ts';
import {
  leftTransient,
  runTransient,
  type TransientHost,
  type TransientProgram,
} from '../../../src/systemd/transient.ts';

/**
 * What runs inside a machine, in one process: `node systemd-scenarios.ts '["NAME", "ARGUMENT"...]'...` prints what came
 * of each as a JSON array. An AgentError comes as its code and its words.
 */

type Tools = TransientHost;

const program = (over: Partial<TransientProgram>): TransientProgram => ({
  name: 'test',
  description: 'a test',
  argv: ['/bin/true'],
  // No whole number, as many seconds are not.
  timeoutMs: 16.1 * 1000,
  ...over,
});

const shell = (script: string, over: Partial<TransientProgram> = {}): TransientProgram =>
  program({ argv: ['/bin/sh', '-c', script], ...over });

const scenarios: Record<string, (tools: Tools, ...args: string[]) => Promise<unknown>> = {
  act: ({ manager }, verb, unit = '', timeoutMs = '90000') =>
    manager.act(verb as UnitVerb, unit, { timeoutMs: Number(timeoutMs) }),
  shell: (_, script = '') =>
    Promise.resolve(execFileSync('bash', ['-euc', script], { encoding: 'utf8', stdio: 'pipe' })),
  reload: ({ manager }) => manager.reload().then(() => 'reloaded'),
  status: ({ manager }, unit = '') => manager.status(unit),
  list: ({ manager }, ...names) => manager.list(names),
  matching: ({ manager }, ...patterns) => manager.listMatching(patterns),
  fileState: ({ manager }, unit = '') => manager.fileState(unit),
  enable: ({ manager }, unit = '') => manager.enable([unit]).then(() => manager.fileState(unit)),
  disable: ({ manager }, unit = '') => manager.disable([unit]).then(() => manager.fileState(unit)),

  run: async (host, script = '', timeoutMs = '20000') =>
    runTransient(host, shell(script, { timeoutMs: Number(timeoutMs) })),
  arguments: async (host) => runTransient(host, program({ argv: ['/bin/echo', '$HOME', '${HOME}', '%n', 'a  b', ''] })),
  missing: async (host) => runTransient(host, program({ argv: ['/nonexistent/program'] })),
  cancel: async (host) => runTransient(host, shell('exec sleep 1000'), AbortSignal.timeout(1000)),
  left: (host) => leftTransient(host),
  leavings: async ({ manager, directory }) => [
    ...(await manager.listMatching(['sysext-agent-run-*'])).map(({ name }) => name),
    ...readdirSync(directory),
  ],

  /** The bus restarts while a program runs that PID 1 started for us. */
  restart: async (host, script = '') => {
    const running = runTransient(host, shell(script));
    const units = async () => (await host.manager.listMatching(['sysext-agent-run-*'])).length;
    while ((await units()) === 0) await systemClock.sleep(20);
    await promisify(execFile)('systemctl', ['restart', 'dbus.service']);
    const after = await untilAnswered(() => host.manager.status('dbus.service'));
    const { exitCode, result, output } = await running;
    return { after: after.activeState, exitCode, result, output };
  },

  merge: async (host, name = '', verb, options = '{}') => {
    const driver = driverNamed(name, host);
    const before = driver.observe();
    const prepared = await driver.prepare(verb as MergeVerb, JSON.parse(options) as MergeOptions);
    const committed = await prepared.commit();
    return {
      ...committed,
      changed: JSON.stringify(before) !== JSON.stringify(driver.observe()),
      merged: merged(driver),
    };
  },
};

/** PID 1 may come back to the bus some time after that has restarted. */
async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isAgentError(error, 'bus-unavailable')) throw error;
      await systemClock.sleep(20);
    }
  }
}

function driverNamed(name: string, host: Tools): MergeDriver {
  const exec = createExec(process.env);
  const tool = createSysextTool(exec, '/', '/run/sysext-agent/tool.json');
  const [how = '', onWhom] = name.split(' by ');
  const wish: DriverWish = driverNames.find((driver) => driver === how) ?? 'auto';
  return hostDriver({
    root: '/',
    tool,
    exec,
    wish: () => Promise.resolve(wish),
    ...(onWhom === undefined ? {} : { onHost: byManager(host) }),
  });
}

function merged(driver: MergeDriver): readonly string[] {
  return mergedNames(driver.observe());
}

await using bus = createBus({ clock: systemClock });
const tools = {
  bus,
  manager: createManager(bus, systemClock),
  clock: systemClock,
  directory: '/run/sysext-agent/runs',
};

async function outcomeOf([name = '', ...args]: readonly string[]): Promise<unknown> {
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`no scenario ${name}`);
  try {
    return await scenario(tools, ...args);
  } catch (error) {
    if (isAgentError(error)) return { code: error.code, said: renderError(error) };
    throw error;
  }
}

const outcomes: unknown[] = [];
for (const step of process.argv.slice(2)) outcomes.push(await outcomeOf(JSON.parse(step) as string[]));
process.stdout.write(JSON.stringify(outcomes));
