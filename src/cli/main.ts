import packageJson from '../../package.json' with { type: 'json' };
import { applyCommand } from './commands/apply.ts';
import { bootCommand } from './commands/boot.ts';
import { buildCommand } from './commands/build.ts';
import { bundleCommands } from './commands/bundle.ts';
import { checkCommand } from './commands/check.ts';
import { checkOsCommand } from './commands/check-os.ts';
import { completionCommand } from './commands/completion.ts';
import { confirmCommand } from './commands/confirm.ts';
import { configCommands } from './commands/config.ts';
import { explainCommand } from './commands/explain.ts';
import { daemonCommand } from './commands/daemon.ts';
import { diffCommand } from './commands/diff.ts';
import { doctorCommand } from './commands/doctor.ts';
import { gcCommand } from './commands/gc.ts';
import { historyCommand } from './commands/history.ts';
import { holdCommands } from './commands/hold.ts';
import { inspectCommand } from './commands/inspect.ts';
import { installCommand } from './commands/install.ts';
import { lintCommand } from './commands/lint.ts';
import { listCommand } from './commands/list.ts';
import { mergingCommands } from './commands/merging.ts';
import { metricsCommand } from './commands/metrics.ts';
import { migrateCommand } from './commands/migrate.ts';
import { packageManagerCommand } from './commands/package-manager.ts';
import { planCommand } from './commands/plan.ts';
import { pullCommand } from './commands/pull.ts';
import { pushCommand } from './commands/push.ts';
import { removeCommand } from './commands/remove.ts';
import { rollbackCommand } from './commands/rollback.ts';
import { statusCommand } from './commands/status.ts';
import { upgradeCommand } from './commands/upgrade.ts';
import { errorFileVariable } from './left-error.ts';
import { runProgram } from './program.ts';
import { processTerminal } from './terminal.ts';

const commands = [
  installCommand,
  removeCommand,
  upgradeCommand,
  listCommand,
  statusCommand,
  historyCommand,
  diffCommand,
  rollbackCommand,
  ...holdCommands,
  planCommand,
  applyCommand,
  daemonCommand,
  bootCommand,
  confirmCommand,
  checkOsCommand,
  gcCommand,
  doctorCommand,
  metricsCommand,
  ...mergingCommands,
  packageManagerCommand,
  buildCommand,
  lintCommand,
  checkCommand,
  explainCommand,
  inspectCommand,
  pushCommand,
  pullCommand,
  ...bundleCommands,
  ...configCommands,
  migrateCommand,
  completionCommand,
];

async function main(): Promise<void> {
  const interruption = new AbortController();
  const interrupt = () => {
    interruption.abort();
  };
  // Listeners that stay: libraries look for them before they end the process themselves.
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  process.umask(0o022);
  const [, , ...argv] = process.argv;
  process.exitCode = await runProgram(commands, argv, processTerminal(), interruption.signal, {
    version: packageJson.version,
    errorFile: process.env[errorFileVariable],
  });
}

void main();
