import { AgentError } from '../../core/errors.ts';
import { sysext } from '../../core/extension-class.ts';
import type { Exec } from '../../host/exec.ts';
import type { LimitedExec } from '../../host/limited-run.ts';
import { fileStatus, readTextIfAny } from '../../host/files.ts';
import { shippedProgram } from '../../host/shipped.ts';
import { readMerged } from '../merged.ts';
import { mutableBy } from '../mutable.ts';
import type { SysextTool } from '../sysext-tool.ts';
import { atomicWay } from './atomic.ts';
import { directly, limitedDirectly } from './direct.ts';
import { chooseDriver, type DriverChoice, type DriverWish } from './choice.ts';
import type { HostProgram, MergeDriver } from './driver.ts';
import { imageMountsBy, imagesProgram, keepingMounts, noImageMounts } from './images.ts';
import { refreshWay, refreshWayOn } from './refresh.ts';
import { limitedBy, swapBy, swapDirectories, swapProgram, type SwapHost } from './swap.ts';

export interface HostDriverParts {
  readonly root: string;
  /** Says also which class of extensions it is about. */
  readonly tool: SysextTool;
  readonly exec: Exec & LimitedExec;
  /** How programs are run where the host's mounts are; absent where this process is there. */
  readonly onHost?: HostProgram | undefined;
  /** What the configuration asks for. */
  readonly wish: () => Promise<DriverWish>;
}

/** Changes what is merged in the best way that the host has and the configuration allows. */
export function hostDriver({ root, tool, exec, onHost, wish }: HostDriverParts): MergeDriver {
  const { extensionClass } = tool;
  const program = shippedProgram(swapProgram);
  const choice = async (): Promise<DriverChoice> =>
    chooseDriver(await wish(), { root, kernel: kernelRelease(), program, mutable: mutableBy(root, extensionClass) });
  const swapping = swapHost(exec, onHost);
  const swap = program === undefined ? undefined : swapBy(program, swapping, extensionClass);
  const mounter = shippedProgram(imagesProgram);
  // Those of the store, which are system extensions.
  const canMount = root === '/' && extensionClass === sysext;
  const mounts = canMount && mounter !== undefined ? imageMountsBy(mounter, swapping.run) : noImageMounts;
  const refresh = onHost === undefined ? refreshWay(tool) : refreshWayOn(tool, onHost);
  const atomic = swap && atomicWay({ tool, exec, swap, mounts });
  return {
    choice,
    prepare: async (verb, options, images = []) => {
      const chosen = await choice();
      if (chosen.impossible === true) throw impossible(chosen.why);
      const way = chosen.driver === 'atomic' && atomic !== undefined ? atomic : refresh;
      const prepared = await keepingMounts(way, mounts)(verb, options, way === atomic ? images : []);
      return { choice: chosen, ...prepared };
    },
    settle: async (inUse) => {
      if (root !== '/') return;
      if (swapDirectories.some((directory) => fileStatus(directory) !== undefined)) await swap?.settle();
      if (mounts.there().length > 0) await mounts.keep(inUse());
    },
    observe: () => readMerged(root, extensionClass),
  };
}

function swapHost(exec: Exec & LimitedExec, onHost: HostProgram | undefined): SwapHost {
  if (onHost === undefined) return { run: directly(exec), runLimited: limitedDirectly(exec) };
  return { run: onHost, runLimited: limitedBy(onHost) };
}

function kernelRelease(): string {
  return readTextIfAny('/proc/sys/kernel/osrelease')?.trim() ?? '';
}

function impossible(why: string): AgentError {
  return new AgentError('merge-failed', `merge.driver asks for atomic, and this host cannot do that: ${why}`, {
    next: 'With `merge: {driver: auto}` in agent.yml the best way is taken that it has.',
  });
}
