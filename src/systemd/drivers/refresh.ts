import { mergeArguments, pathOfTool, type SysextTool } from '../sysext-tool.ts';
import type { HostProgram, MergeWay } from './driver.ts';
import { linesOf } from './lines.ts';

/** The way that works everywhere: systemd-sysext runs, and for an instant nothing is merged. */
export function refreshWay(tool: SysextTool): MergeWay {
  return (verb, options) =>
    Promise.resolve({
      commit: async () => {
        const { exitCode, stdout, stderr } = await tool.run(verb, options);
        return { exitCode, said: linesOf(`${stdout}\n${stderr}`) };
      },
      abort: () => Promise.resolve(),
    });
}

/** The same for a process that is not where the host's mounts are. */
export function refreshWayOn(tool: SysextTool, onHost: HostProgram): MergeWay {
  return (verb, options) =>
    Promise.resolve({
      commit: async () => {
        const { options: known } = await tool.features();
        const { timeLimit, reloadedLater } = options;
        const noReload = options.noReload === true || (reloadedLater === true && known.includes('--no-reload'));
        const argv = [
          pathOfTool(tool.extensionClass),
          ...mergeArguments(verb, '/', { ...options, noReload }, known),
        ] as const;
        return onHost({ name: verb, argv, ...(timeLimit === undefined ? {} : { timeLimit }) });
      },
      abort: () => Promise.resolve(),
    });
}
