import type { Outlook, OutlookReport } from '../agent/fleet/outlook.ts';
import { tableLines } from './output.ts';

export function outlookJson({ outlooks, left }: OutlookReport): object {
  return {
    extensions: outlooks.map((outlook) => ({
      name: outlook.name,
      installed: outlook.installed,
      state: outlook.kind,
      newest: 'newest' in outlook ? outlook.newest.version : null,
      reference: 'newest' in outlook ? outlook.newest.reference : null,
      passedOver: 'newest' in outlook ? outlook.newest.passedOver : [],
      problem: outlook.kind === 'failed' ? outlook.error.message : null,
    })),
    left,
  };
}

export function outlookLines({ outlooks }: OutlookReport, legend: boolean): string[] {
  if (outlooks.length === 0) return ['There is nothing that an upgrade is about.'];
  const rows = outlooks.flatMap((outlook) => [
    [outlook.name, orDash(outlook.installed), newestText(outlook), wordsOf(outlook)],
    ...passedOverRows(outlook),
  ]);
  return tableLines({ headings: ['NAME', 'INSTALLED', 'NEWEST', 'WHAT AN UPGRADE WOULD DO'], rows }, legend);
}

function newestText(outlook: Outlook): string {
  return 'newest' in outlook ? orDash(outlook.newest.version) : '-';
}

function wordsOf(outlook: Outlook): string {
  switch (outlook.kind) {
    case 'newer':
      return `fetch ${outlook.newest.reference}`;
    case 'same':
      return 'nothing';
    case 'made-anew':
      return 'make its image anew: only that tells whether it is another one';
    case 'failed':
      return `fail: ${outlook.error.message}`;
  }
}

function passedOverRows(outlook: Outlook): string[][] {
  if (!('newest' in outlook)) return [];
  return outlook.newest.passedOver.map(({ version, reason }) => ['', '', version, `pass over: ${reason}`]);
}

function orDash(text: string): string {
  return text === '' ? '-' : text;
}
