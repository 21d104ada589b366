import packageJson from '../../package.json' with { type: 'json' };
import { buildCommand } from './commands/build.ts';
import { checkCommand } from './commands/check.ts';
import { explainCommand } from './commands/explain.ts';
import { historyCommand } from './commands/history.ts';
import { inspectCommand } from './commands/inspect.ts';
import { installCommand } from './commands/install.ts';
import { lintCommand } from './commands/lint.ts';
import { listCommand } from './commands/list.ts';
import { mergingCommands } from './commands/merging.ts';
import { removeCommand } from './commands/remove.ts';
import { statusCommand } from './commands/status.ts';
import { runProgram } from './program.ts';
import { processTerminal } from './terminal.ts';

const commands = [
  installCommand,
  removeCommand,
  listCommand,
  statusCommand,
  historyCommand,
  ...mergingCommands,
  buildCommand,
  lintCommand,
  checkCommand,
  explainCommand,
  inspectCommand,
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
  process.exitCode = await runProgram(commands, argv, processTerminal(), interruption.signal, packageJson.version);
}

void main();
