import type { BootReport } from '../../agent/boot.ts';
import type { BootChoice } from '../../agent/boot-choice.ts';
import type { InstalledExtension } from '../../agent/records.ts';
import { exitCodes } from '../../core/errors.ts';
import { common, type CommandSpec } from '../command.ts';
import { agentFor, requireRoot } from '../invoker.ts';
import { show } from '../output.ts';

export const bootCommand: CommandSpec = {
  name: 'boot',
  summary: 'put the extensions in place that fit the system that boots, before systemd merges them',
  description:
    'Run by sysext-agent-boot.service. Puts back what a killed operation left, takes out of sight what does not fit this system, ' +
    'puts in what was prefetched for it, and goes back to the last set that came up well where three boots with the present one did not. ' +
    'Merges nothing, and does nothing where this host has booted already.',
  options: [common.root, common.json],
  examples: [
    ['systemctl enable sysext-agent-boot.service', 'the usual way: at every boot'],
    ['sysext-agent boot --root=tree', 'for a system below a directory that is to boot next'],
  ],
  run: async (invocation) => {
    requireRoot('choose the extensions of a boot');
    const { boot } = await import('../../agent/boot.ts');
    const report = await boot(await agentFor(invocation.options, invocation.signal));
    for (const warning of report.warnings) invocation.terminal.note(`note: ${warning}`);
    show(invocation, bootJson(report), () => bootLines(report));
    return exitCodes.ok;
  },
};

function bootJson({ choice, tooLate, warnings }: BootReport): object {
  return { tooLate, choice: choice === undefined ? null : choiceJson(choice), warnings };
}

/** What a boot chose or would choose, as JSON. */
export function choiceJson({ extensions, replaced, leftOut, givenUp, keptAlthough }: BootChoice): object {
  return {
    extensions: extensions.map(briefly),
    replaced: replaced.map(({ before, after }) => ({ before: briefly(before), after: briefly(after) })),
    leftOut,
    givenUp:
      givenUp === undefined
        ? null
        : {
            generation: givenUp.number,
            to: givenUp.to ?? null,
            refused: givenUp.refused.map(briefly),
            reason: givenUp.reason,
          },
    keptAlthough: keptAlthough ?? null,
  };
}

function briefly({ name, version, sha256 }: InstalledExtension): object {
  return { name, version, sha256 };
}

function bootLines({ choice, tooLate }: BootReport): string[] {
  if (tooLate) return ['This host has booted already: nothing was done. `sysext-agent apply` repairs what is amiss.'];
  if (choice === undefined) return ['Nothing was ever installed.'];
  const { givenUp, keptAlthough, replaced, leftOut, extensions } = choice;
  const inPlace = extensions.filter(({ name }) => !leftOut.some((one) => one.name === name));
  return [
    ...(givenUp === undefined ? [] : [`Given up: ${givenUp.reason}`]),
    ...(givenUp?.refused.map((image) => `Refused from now on: ${title(image)}`) ?? []),
    ...(keptAlthough === undefined ? [] : [`Kept: ${keptAlthough}`]),
    ...replaced.map(({ before, after }) => `Put in: ${title(after)} in the place of ${title(before)}`),
    ...leftOut.map((one) => `Left out: ${title(one)}: ${one.reason}`),
    inPlace.length === 0 ? 'Nothing is to be merged.' : `To be merged: ${inPlace.map(({ name }) => name).join(', ')}`,
  ];
}

function title({ name, version }: { readonly name: string; readonly version: string }): string {
  return [name, version].join(' ').trim();
}
