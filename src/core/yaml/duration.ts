import { parsed, string, type Decoder } from './decoder.ts';
import { quote } from './text.ts';

const factors: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads a duration as Go writes it: `10s`, `1m30s`, `500ms`. The value is in milliseconds. */
export const duration: Decoder<number> = parsed(string, (text) => {
  if (!/^(\d{1,9}(ms|s|m|h))+$/.test(text)) return { problem: `${quote(text)} is no duration such as 10s or 1m30s` };
  const parts = Array.from(text.matchAll(/(\d+)(ms|s|m|h)/g), ([, count, unit = '']) => [Number(count), unit] as const);
  return { value: parts.reduce((sum, [count, unit]) => sum + count * (factors[unit] ?? 0), 0) };
});

/** The same as text: `1m30s`; of less than a millisecond nothing is left. */
export function durationText(milliseconds: number): string {
  const [hours, minutes] = [Math.floor(milliseconds / 3_600_000), Math.floor(milliseconds / 60_000) % 60];
  const seconds = Math.floor(milliseconds / 1000) % 60;
  const parts = [
    [hours, 'h'],
    [minutes, 'm'],
    [seconds, 's'],
    [Math.floor(milliseconds) % 1000, 'ms'],
  ] as const;
  const text = parts.map(([count, unit]) => (count === 0 ? '' : `${count}${unit}`)).join('');
  return text === '' ? '0s' : text;
}
