import type { Severity } from './finding.ts';

/** The rules about what programs and libraries of an image need: linking.ts finds what breaks them. */
export const linkRules = [
  { id: 'missing-library', severity: 'tell', allowable: true },
  { id: 'damaged-elf', severity: 'tell', allowable: true },
  { id: 'symbol-version', severity: 'ask', allowable: true },
  { id: 'missing-loader', severity: 'ask', allowable: true },
  { id: 'wrong-architecture', severity: 'ask', allowable: true },
] as const satisfies readonly { readonly id: string; readonly severity: Severity; readonly allowable: boolean }[];
