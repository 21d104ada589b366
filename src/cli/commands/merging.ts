import { AgentError, exitCodes } from '../../core/errors.ts';
import { extensionClasses, type ClassName } from '../../core/extension-class.ts';
import type { MergeVerb } from '../../systemd/sysext-tool.ts';
import { common, type CommandSpec } from '../command.ts';
import { show } from '../output.ts';
import { changedByService } from '../by-service.ts';
import { agentFor } from '../invoker.ts';

const summaries: Readonly<Record<MergeVerb, string>> = {
  merge: 'merge all extensions that fit, where nothing is merged yet',
  unmerge: 'take everything that is merged out of /usr and /opt',
  refresh: 'merge all extensions that fit in place of what is merged',
};

/** Of what, as the option says it. */
const classOption = {
  flags: '--class <class>',
  description: 'sysext, for what is merged into /usr and /opt (the default), or confext, for /etc',
};

const methods = { merge: 'Merge', unmerge: 'Unmerge', refresh: 'Refresh' } as const;

const confextSummaries: Readonly<Record<MergeVerb, string>> = {
  merge: 'the same for configuration extensions: into /etc',
  unmerge: 'take every configuration extension out of /etc',
  refresh: 'the same for configuration extensions: into /etc',
};

function classNamed(text = 'sysext'): ClassName {
  const name = Object.values(extensionClasses).find((one) => one.name === text)?.name;
  if (name !== undefined) return name;
  throw new AgentError('usage', `--class takes sysext or confext, not ${text}`);
}

/** `merge`, `unmerge` and `refresh`: the operations of systemd-sysext(8), checked afterwards and recorded. */
export const mergingCommands: readonly CommandSpec[] = (['merge', 'unmerge', 'refresh'] as const).map((verb) => ({
  name: verb,
  summary: summaries[verb],
  description: `Does what \`systemd-sysext ${verb}\` does, with its options, then reads back what is merged. With --class=confext it is \`systemd-confext ${verb}\`: for the configuration extensions that the host has.`,
  options: [
    common.root,
    classOption,
    ...(verb === 'unmerge' ? [] : [common.force]),
    common.noReload,
    ...(verb === 'refresh'
      ? [{ flags: '--always-refresh', description: 'merge anew even where nothing changed' }]
      : []),
    common.json,
    common.noLegend,
    common.noPager,
    common.reason,
    common.wait,
    common.noWait,
    common.dryRun,
  ],
  examples: [
    [`sysext-agent ${verb}`, summaries[verb]],
    [`sysext-agent ${verb} --class=confext`, confextSummaries[verb]],
  ],
  run: async (invocation) => {
    const { options, terminal } = invocation;
    const name = classNamed(options.text('class'));
    const agent = await agentFor(options, invocation.signal);
    const mergeOptions = {
      force: options.flag('force'),
      noReload: !options.flag('reload'),
      alwaysRefresh: options.flag('alwaysRefresh'),
    };
    const { mergeOperation, mergeSteps } = await import('../../agent/merge.ts');
    if (options.flag('dryRun')) {
      const steps = await mergeSteps(agent, verb, mergeOptions, name);
      show(invocation, { steps }, () => steps.map((step) => `would: ${step}`));
      return exitCodes.ok;
    }
    const asked = await changedByService(invocation, `${verb} extensions`, { method: methods[verb], body: [] });
    if (asked !== undefined) return asked;
    const { merged, said, warnings } = await mergeOperation(agent, verb, mergeOptions, name);
    for (const warning of warnings) terminal.note(`note: ${warning}`);
    for (const line of said) terminal.note(line);
    show(invocation, { merged }, () => [merged.length === 0 ? 'Nothing is merged.' : `Merged: ${merged.join(', ')}`]);
    return exitCodes.ok;
  },
}));
