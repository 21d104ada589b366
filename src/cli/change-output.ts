import type { ChangeReport } from '../agent/change.ts';
import type { ExtensionChange } from '../agent/history.ts';
import type { Invocation } from './command.ts';
import { show } from './output.ts';

/** Prints what an install or remove did, or would do. */
export function showChange(invocation: Invocation, report: ChangeReport): void {
  for (const warning of report.warnings) invocation.terminal.note(`note: ${warning}`);
  show(invocation, changeJson(report), () => changeLines(report));
}

export function changeJson({ extensions, steps, merged, warnings }: ChangeReport): object {
  return { extensions, steps, merged, warnings };
}

export function changeLines({ extensions, steps, merged }: ChangeReport): string[] {
  const outcome = merged.length === 0 ? 'Nothing is merged.' : `Merged: ${merged.join(', ')}`;
  return [
    ...steps.map((step) => `would: ${step}`),
    ...extensions.map(changeLine),
    ...(steps.length > 0 ? [] : [outcome]),
  ];
}

const verbs: Readonly<Record<ExtensionChange['change'], string>> = {
  added: 'Installed',
  replaced: 'Replaced',
  removed: 'Removed',
  kept: 'Already installed:',
  merged: 'Merged',
};

function changeLine({ name, version, sha256, change }: ExtensionChange): string {
  return `${verbs[change]} ${[name, version].join(' ').trim()} (sha256 ${sha256.slice(0, 12)})`;
}
