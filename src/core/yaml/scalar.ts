/**
 * The values of plain (unquoted) scalars in the dialect of Dalec specs, which is that of goccy/go-yaml and neither
 * YAML 1.1 nor the core schema of 1.2: `yes` and `off` are text, `0644` and `0o644` are octal, `1e3` is text.
 */

/** Integers are bigints, so that a number too big for a double keeps its digits. */
export type PlainValue = null | boolean | bigint | number | string;

const words: ReadonlyMap<string, PlainValue> = new Map<string, PlainValue>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word) => [word, null] as const),
  ...['true', 'True', 'TRUE'].map((word) => [word, true] as const),
  ...['false', 'False', 'FALSE'].map((word) => [word, false] as const),
  ...['.inf', '.Inf', '.INF'].map((word) => [word, Infinity] as const),
  ...['-.inf', '-.Inf', '-.INF'].map((word) => [word, -Infinity] as const),
  ...['.nan', '.NaN', '.NAN'].map((word) => [word, NaN] as const),
]);

/** What a plain scalar stands for; text that is no number, boolean or null is a string. */
export function plainValue(text: string): PlainValue {
  const word = words.get(text);
  return word === undefined ? (numberOf(text) ?? text) : word;
}

/** A number with at most one dot, signs and underscores taken away; undefined for what is text. */
function numberOf(text: string): bigint | number | undefined {
  const dots = text.split('.').length - 1;
  if (text.startsWith('_') || dots > 1) return undefined;
  const negative = text.startsWith('-');
  const digits = text.replace(/^\+/, '').replace(/^-/, '').replaceAll('_', '');
  return dots === 1 && !/^0[xob]/.test(digits) ? floatOf(digits, negative) : integerOf(digits, negative);
}

const integerForms: readonly { readonly form: RegExp; readonly prefix: string }[] = [
  { form: /^0x([0-9a-fA-F]+)$/, prefix: '0x' },
  { form: /^0o([0-7]+)$/, prefix: '0o' },
  { form: /^0b([01]+)$/, prefix: '0b' },
  { form: /^0([0-7]+)$/, prefix: '0o' },
  { form: /^(0|[1-9][0-9]*)$/, prefix: '' },
];

/** An integer of 64 bits; one that does not fit stays the text it was. */
function integerOf(digits: string, negative: boolean): bigint | undefined {
  for (const { form, prefix } of integerForms) {
    const [, body] = form.exec(digits) ?? [];
    if (body === undefined) continue;
    const size = BigInt(prefix + body);
    const limit = negative ? 2n ** 63n : 2n ** 64n - 1n;
    return size > limit ? undefined : negative ? -size : size;
  }
  return undefined;
}

function floatOf(digits: string, negative: boolean): number | undefined {
  if (!/^(\d+\.\d*|\.\d+)([eE][+-]?\d+)?$/.test(digits)) return undefined;
  const size = Number(digits);
  return Number.isFinite(size) ? (negative ? -size : size) : undefined;
}

/** The text that a value has in a field of text, as Go prints it: `1.10` is "1.1", `010` is "8". Null has none. */
export function plainText(value: PlainValue): string | undefined {
  if (value === null) return undefined;
  return typeof value === 'number' ? floatText(value) : String(value);
}

/** Go's `%v` of a float: the shortest digits, with an exponent below 1e-4 and from 1e21 on. */
function floatText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
  const [mantissa = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (value === 0 || (power >= -4 && power < 21)) return String(value);
  return `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
}
