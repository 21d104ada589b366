import { readMerged } from '../merged.ts';
import type { SysextTool } from '../sysext-tool.ts';
import type { MergeDriver } from './driver.ts';

/** The driver that works everywhere: it runs systemd-sysext, and for an instant nothing is merged. */
export function refreshDriver(tool: SysextTool, root: string): MergeDriver {
  return {
    name: 'refresh',
    prepare: (verb, options) =>
      Promise.resolve({
        commit: async () => {
          const { exitCode, stdout, stderr } = await tool.run(verb, options);
          return { exitCode, said: lines(`${stdout}\n${stderr}`) };
        },
        abort: () => Promise.resolve(),
      }),
    observe: () => readMerged(root),
  };
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}
