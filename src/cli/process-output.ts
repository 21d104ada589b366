import type { OldFile, OldProcess, OldProcesses } from '../systemd/old-trees.ts';
import { tableLines } from './output.ts';

/** Processes with files of what was merged before, as JSON. */
export function processesJson({ changed, unchanged, unseen, mappedSeen }: OldProcesses): object {
  const json = ({ pid, name, unit, files }: OldProcess) => ({ process: pid, name, unit: unit ?? null, files });
  return { changed: changed.map(json), unchanged, unseen, mappedSeen };
}

/** The same for a terminal, with what helps. */
export function processLines({ changed, unchanged, unseen, mappedSeen }: OldProcesses, legend: boolean): string[] {
  const rows = changed.map(({ pid, name, unit, files }) => [unit ?? '-', String(pid), name, filesText(files)]);
  const headings = ['UNIT', 'PROCESS', 'NAME', 'FILES FROM BEFORE'];
  return [
    ...(rows.length === 0
      ? ['No process has a file of before that is another one now.']
      : tableLines({ headings, rows }, legend)),
    ...remedyLines(changed),
    ...(unchanged === 0 ? [] : [`note: ${counted(unchanged)} only files of before that are the same now`]),
    ...(unseen === 0 ? [] : [`note: ${counted(unseen)} another owner, and only root may look into them`]),
    ...(mappedSeen ? [] : ['note: only root sees which libraries a process has']),
  ];
}

function filesText(files: readonly OldFile[]): string {
  const [first] = files;
  if (first === undefined) return '';
  return `${first.path} (${first.use})${files.length === 1 ? '' : `, ${files.length - 1} more`}`;
}

function counted(count: number): string {
  return count === 1 ? '1 process has' : `${count} processes have`;
}

/** The manager itself and those of users end with more than themselves: who restarts them knows that. */
function remedyLines(changed: readonly OldProcess[]): string[] {
  const units = new Set(changed.flatMap(({ unit }) => unit ?? []));
  const services = [...units].filter((unit) => unit.endsWith('.service') && !unit.startsWith('user@')).sort();
  return [
    ...(services.length === 0 ? [] : [`To have them run what is merged now: systemctl restart ${services.join(' ')}`]),
    ...(changed.some(({ pid }) => pid === 1) ? ['The manager itself: systemctl daemon-reexec'] : []),
  ];
}
