import { AgentError, exitCodes } from '../../core/errors.ts';
import type { CommandSpec } from '../command.ts';
import type { Shell } from '../completion.ts';

export const completionCommand: CommandSpec = {
  name: 'completion',
  arguments: '<bash|zsh|fish>',
  summary: 'print the script that lets bash, zsh or fish complete commands, options and names',
  description:
    'Packages put these scripts where the shells find them; from a checkout, load one by hand as in the examples.',
  options: [],
  examples: [
    ['source <(sysext-agent completion bash)', 'for this shell, bash'],
    ['sysext-agent completion zsh >~/.zfunc/_sysext-agent', 'for zsh, in a directory of its fpath'],
    ['sysext-agent completion fish >~/.config/fish/completions/sysext-agent.fish', 'for fish'],
  ],
  run: async ({ args: [shell = ''], commands, terminal }) => {
    const { completionScript, shells } = await import('../completion.ts');
    if (!isOneOf(shells, shell))
      throw new AgentError('usage', `there is no completion for ${shell}: take one of ${shells.join(', ')}`);
    terminal.print(completionScript(shell, commands).trimEnd());
    return exitCodes.ok;
  },
};

function isOneOf(shells: readonly Shell[], text: string): text is Shell {
  return shells.some((shell) => shell === text);
}
