import type { ChangeReport } from '../agent/change.ts';
import type { ExtensionChange } from '../agent/history.ts';
import type { Invocation } from './command.ts';
import { show } from './output.ts';

/** Prints what an install or remove did, or would do. */
export function showChange(invocation: Invocation, report: ChangeReport): void {
  for (const warning of report.warnings) invocation.terminal.note(`note: ${warning}`);
  show(
    invocation,
    { extensions: report.extensions, steps: report.steps, merged: report.merged, warnings: report.warnings },
    () => [
      ...report.steps.map((step) => `would: ${step}`),
      ...report.extensions.map(changeLine),
      ...(report.steps.length > 0
        ? []
        : [report.merged.length === 0 ? 'Nothing is merged.' : `Merged: ${report.merged.join(', ')}`]),
    ],
  );
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
