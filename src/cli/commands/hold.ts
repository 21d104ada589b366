import { exitCodes } from '../../core/errors.ts';
import { common, type CommandSpec } from '../command.ts';
import { changedByService } from '../by-service.ts';
import { agentFor } from '../invoker.ts';
import { show } from '../output.ts';

const summaries = {
  hold: 'let extensions keep the image that they have',
  unhold: 'let held extensions go again',
} as const;

/** `hold` and `unhold`. */
export const holdCommands: readonly CommandSpec[] = (['hold', 'unhold'] as const).map((verb) => ({
  name: verb,
  arguments: '<name...>',
  summary: summaries[verb],
  description: 'While an extension is held, install, remove and rollback leave it as it is.',
  options: [common.root, common.json, common.reason, common.wait, common.noWait],
  examples: [[`sysext-agent ${verb} jq`, summaries[verb]]],
  run: async (invocation) => {
    const { args, options } = invocation;
    const method = verb === 'hold' ? 'Hold' : 'Unhold';
    const asked = await changedByService(invocation, `${verb} extensions`, { method, body: [args] });
    if (asked !== undefined) return asked;
    const holds = await import('../../agent/holds.ts');
    const held = await holds[verb](await agentFor(options, invocation.signal), args);
    show(invocation, { held }, () => [held.length === 0 ? 'Nothing is held.' : `Held: ${held.join(', ')}`]);
    return exitCodes.ok;
  },
}));
