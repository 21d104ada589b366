import { isAgentError } from '../../core/errors.ts';
import type { Exec } from '../../host/exec.ts';
import { reloadManager } from '../manager.ts';
import { isSameOrigin } from '../origin.ts';
import { wantsReload } from '../release-directory.ts';
import { mergeArguments, pathOfTool, systemdRuns, type SysextTool } from '../sysext-tool.ts';
import type { MergeWay, PreparedMerge, ToolEnd } from './driver.ts';
import { saidOfFiles, type ImageMounts } from './images.ts';
import { preparedRoot, type Swap } from './swap.ts';

export interface AtomicParts {
  readonly tool: SysextTool;
  readonly exec: Exec;
  readonly swap: Swap;
  readonly mounts: ImageMounts;
}

/** What systemd-sysext says from 260 on where it finds nothing to do. */
const skipped =
  'Skipping extension refresh because no change was found, use --always-refresh=yes to always do a refresh.';

/**
 * The way without a gap: the program of systemd merges in a copy of the mount namespace, where nobody looks; what it made is slid
 * beneath what is mounted, and that is taken off. What fails before then costs nothing.
 */
export function atomicWay({ tool, exec, swap, mounts }: AtomicParts): MergeWay {
  const { extensionClass } = tool;
  const root = preparedRoot(extensionClass);
  return async (verb, options, images) => {
    const { options: known } = await tool.features();
    const canSpareReload = known.includes('--no-reload');
    // In the copy it would reload units that the host does not have yet.
    const noReload = options.noReload === true || canSpareReload;
    const argv = [pathOfTool(extensionClass), ...mergeArguments(verb, '/', { ...options, noReload }, known)] as const;
    const prepared = await orAbort(swap, () =>
      swap.prepare(mounts.offering(images, argv), options.timeLimit, (program) => mounts.mounting(images, program)),
    );
    const end = { ...prepared, said: saidOfFiles(prepared.said, images) };
    if (end.exitCode !== 0) return ended(swap, end);
    if (verb === 'refresh' && options.alwaysRefresh !== true && isSameOrigin('/', root, extensionClass)) {
      return ended(swap, { exitCode: 0, said: [skipped] });
    }
    const reloads = canSpareReload && options.noReload !== true && options.reloadedLater !== true && systemdRuns();
    return {
      preview: { root, end, run: (program, limits) => swap.look(program, limits) },
      commit: async () => {
        const reload = reloads && [root, '/'].some((place) => wantsReload(place, extensionClass));
        await orAbort(swap, () => swap.commit());
        if (reload) await reloadManager(exec);
        return end;
      },
      abort: () => swap.abort(),
    };
  };
}

/** There is nothing to make seen. */
async function ended(swap: Swap, end: ToolEnd): Promise<Omit<PreparedMerge, 'choice'>> {
  await swap.abort();
  return { commit: () => Promise.resolve(end), abort: () => Promise.resolve() };
}

/** What cannot be taken away now is by the next operation. */
async function orAbort<T>(swap: Swap, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await swap.abort().catch((failure: unknown) => {
      if (!isAgentError(failure)) throw failure;
    });
    throw error;
  }
}
