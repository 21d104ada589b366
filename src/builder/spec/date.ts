import { quote } from '../../core/yaml/text.ts';

/** What is wrong with a date of a changelog; undefined for a day of the calendar as `YYYY-MM-DD`. */
export function dateProblem(text: string): string | undefined {
  const [, year = '', month = '', day = ''] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  date.setUTCFullYear(Number(year));
  const same = year !== '' && date.toISOString().startsWith(text);
  return same
    ? undefined
    : `cannot parse ${quote(text)} as a date: a day of the calendar is needed, such as 2026-08-31`;
}
