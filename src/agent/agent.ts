import type { Clock } from '../host/clock.ts';
import type { Exec } from '../host/exec.ts';
import { createSysextTool, type SysextTool } from '../systemd/sysext-tool.ts';
import type { Actor } from './history.ts';
import { pathsBelow, type Paths } from './paths.ts';

/** What every operation of the agent works with. */
export interface Agent {
  /** The directory that stands for `/`. */
  readonly root: string;
  readonly paths: Paths;
  readonly exec: Exec;
  readonly clock: Clock;
  readonly tool: SysextTool;
  readonly actor: Actor;
  /** How long to wait for another operation to end, in seconds. */
  readonly waitSeconds: number;
}

export function createAgent(options: Pick<Agent, 'root' | 'exec' | 'clock' | 'actor' | 'waitSeconds'>): Agent {
  const paths = pathsBelow(options.root);
  return { ...options, paths, tool: createSysextTool(options.exec, options.root, paths.toolMemory) };
}
