import type { Judgement } from '../core/contents/allow.ts';
import type { Finding } from '../core/contents/finding.ts';

/** Every finding with what install would do about it. */
export function findingsJson({ refused, allowed, told }: Judgement): object[] {
  return [
    ...refused.map((finding) => ({ ...finding, verdict: 'refused', allowedBy: null })),
    ...allowed.map(({ finding, by }) => ({ ...finding, verdict: 'allowed', allowedBy: by })),
    ...told.map((finding) => ({ ...finding, verdict: 'told', allowedBy: null })),
  ];
}

/** The findings as lines, those that stand in the way first. */
export function findingLines({ refused, allowed, told }: Judgement): string[] {
  return [
    ...refused.flatMap((finding) => [`refused: ${textOf(finding)}`, `  ${finding.remedy}`]),
    ...allowed.map(({ finding, by }) => `allowed by ${by}: ${textOf(finding)}`),
    ...told.flatMap((finding) => [`note: ${textOf(finding)}`, `  ${finding.remedy}`]),
  ];
}

function textOf({ rule, message }: Finding): string {
  return `${rule}: ${message}`;
}
