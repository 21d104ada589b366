import packageJson from '../../package.json' with { type: 'json' };
import { checkCommand } from './commands/check.ts';
import { buildCommand } from './commands/build.ts';
import { historyCommand } from './commands/history.ts';
import { inspectCommand } from './commands/inspect.ts';
import { installCommand } from './commands/install.ts';
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
  checkCommand,
  inspectCommand,
];

const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const)
  process.once(name, () => {
    interruption.abort();
  });
process.umask(0o022);
process.exitCode = await runProgram(
  commands,
  process.argv.slice(2),
  processTerminal(),
  interruption.signal,
  packageJson.version,
);
