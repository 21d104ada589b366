import { isAgentError } from '../core/errors.ts';
import type { Exec } from '../host/exec.ts';
import type { UnitManager } from './bus-manager.ts';

/** Unit files, by systemctl(1): it works on them without a running manager and below another root. */

/** What `systemctl is-enabled` says of a unit: `enabled`, `disabled`, `masked`, ...; `not-found` where there is none. */
export async function unitFileState(exec: Exec, root: string, unit: string): Promise<string> {
  const { stdout } = await exec.run('systemctl', [...below(root), 'is-enabled', unit]);
  return stdout.trim() === '' ? 'not-found' : stdout.trim();
}

/** The same from the manager of this system, without a process for it; from systemctl(1) where the bus is away. */
export async function unitFileStateBy(manager: UnitManager, exec: Exec, unit: string): Promise<string> {
  try {
    return await manager.fileState(unit);
  } catch (error) {
    if (!isAgentError(error, 'bus-unavailable', 'bus-timeout')) throw error;
    return unitFileState(exec, '/', unit);
  }
}

/** Enables a unit without starting it; tells whether that worked. */
export async function enableUnit(exec: Exec, root: string, unit: string): Promise<boolean> {
  return (await exec.run('systemctl', [...below(root), 'enable', '--quiet', unit])).exitCode === 0;
}

/** Disables a unit without stopping it; tells whether that worked. */
export async function disableUnit(exec: Exec, root: string, unit: string): Promise<boolean> {
  return (await exec.run('systemctl', [...below(root), 'disable', '--quiet', unit])).exitCode === 0;
}

function below(root: string): string[] {
  return root === '/' ? [] : [`--root=${root}`];
}
