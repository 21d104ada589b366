import { messages } from '../../core/messages.ts';
import type { Clock } from '../../host/clock.ts';
import type { Log } from '../../host/log.ts';
import { belowRoot } from '../../host/root.ts';
import type { watchPaths, Watch } from '../../host/watch.ts';
import { configurationDirectories } from '../configuration-directories.ts';
import { pathsBelow } from '../paths.ts';
import { Quiet } from './quiet.ts';

/** How long files must not change before they are read, and how long changes are waited for that do not end. */
export const quietLimits = { after: 100, atMost: 2000 } as const;

export interface WatchedConfigurationParts {
  readonly root: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly watch: typeof watchPaths;
}

/** Who wants to know. */
export interface Watcher {
  /** Calls for a reconciliation. */
  poke(reason: string): void;
  /** Whether the history is as the watcher left it when it had last done something. */
  wasOurs(): boolean;
}

/** Watches for changes of the configuration, and for what others did to the extensions. */
export async function watchConfiguration(
  { root, clock, log, watch: watchPaths }: WatchedConfigurationParts,
  loop: Watcher,
): Promise<AsyncDisposable> {
  const note = pathsBelow(root).historyNote;
  let onlyNote = true;
  const quiet = new Quiet(clock, quietLimits, () => {
    settling = settling.then(settled);
  });
  const arm = () =>
    watchPaths(watchedPaths(root), {
      changed: (path) => {
        onlyNote &&= path === note;
        quiet.note();
      },
      failed: (why) => {
        log.tell(messages.unwatched, { why });
      },
    });
  let watch: Watch = await arm();
  let settling = Promise.resolve();
  async function settled(): Promise<void> {
    const mayHaveMissed = await watchWhatIsNow();
    const ours = onlyNote && loop.wasOurs();
    const reason = onlyNote ? 'extensions were changed by others' : 'files changed';
    onlyNote = true;
    if (!ours) loop.poke(reason);
    else if (mayHaveMissed) loop.poke('files may have changed while nothing watched them');
  }
  /** Directories may be new, and after a merge another /usr lies over the one that was watched. */
  async function watchWhatIsNow(): Promise<boolean> {
    const wasCurrent = watch.isCurrent();
    while (!watch.isCurrent()) {
      await watch[Symbol.asyncDispose]();
      watch = await arm();
    }
    return !wasCurrent;
  }
  return {
    [Symbol.asyncDispose]: async () => {
      quiet[Symbol.dispose]();
      await settling;
      await watch[Symbol.asyncDispose]();
    },
  };
}

/** The configuration, the note that whoever changed the history leaves, and the one that asks for an upgrade. */
function watchedPaths(root: string): string[] {
  const parts = ['agent.yml', 'agent.d', 'extensions.d', 'targets.d'];
  const configured = configurationDirectories.flatMap((directory) => parts.map((part) => `${directory}/${part}`));
  const { historyNote, dueUpgrade } = pathsBelow(root);
  return [...configured.map((path) => belowRoot(root, path)), historyNote, dueUpgrade];
}
