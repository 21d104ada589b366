import { disableUnit, enableUnit, unitFileState } from '../systemd/units.ts';
import type { Agent } from './agent.ts';
import type { WarningStep } from './change.ts';

const unit = 'systemd-sysext.service';

/**
 * The step that lets systemd merge extensions at boot: some distributions leave its unit disabled. A unit that an
 * administrator masked stays masked, and a host where it cannot be enabled is told so.
 */
export function bootStep(agent: Agent): WarningStep {
  let warning: string | undefined;
  let enabled = false;
  return {
    description: `enable ${unit}`,
    do: async () => {
      const state = await unitFileState(agent.exec, agent.root, unit);
      if (state === 'disabled') enabled = await enableUnit(agent.exec, agent.root, unit);
      if (state === 'disabled' && enabled) warning = `enabled ${unit}, so that extensions are merged at boot`;
      else if (state !== 'enabled') warning = `extensions will not be merged at boot: ${unit} is ${state}`;
    },
    undo: async () => {
      if (enabled) await disableUnit(agent.exec, agent.root, unit);
    },
    warning: () => warning,
  };
}
