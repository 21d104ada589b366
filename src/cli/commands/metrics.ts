import { exitCodes } from '../../core/errors.ts';
import { common, type CommandSpec } from '../command.ts';
import { agentFor } from '../invoker.ts';

export const metricsCommand: CommandSpec = {
  name: 'metrics',
  summary: 'print the numbers of this host for Prometheus',
  description:
    'In the text format that Prometheus reads. The service tells the same at /run/sysext-agent/metrics.sock; it and every operation write it to the directory of node_exporter, where there is one: metrics_directory in agent.yml.',
  options: [common.root],
  examples: [
    ['sysext-agent metrics', 'all of them, with their help'],
    ['curl --unix-socket /run/sysext-agent/metrics.sock http://localhost/metrics', 'the same, of the service'],
  ],
  run: async ({ options, terminal, signal }) => {
    const { metricsNow } = await import('../../agent/metrics.ts');
    terminal.print((await metricsNow(await agentFor(options, signal))).trimEnd());
    return exitCodes.ok;
  },
};
