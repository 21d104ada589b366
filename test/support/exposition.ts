/** One line of the text that Prometheus reads. */
export interface ReadSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const metricName = '[a-zA-Z_:][a-zA-Z0-9_:]*';
const labelName = '[a-zA-Z_][a-zA-Z0-9_]*';
const escapedText = String.raw`(?:[^"\\\n]|\\\\|\\"|\\n)*`;
const label = `${labelName}="${escapedText}"`;
const number = String.raw`[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN`;

const helpLine = new RegExp(String.raw`^# HELP (${metricName}) (?:[^\\\n]|\\\\|\\n)*$`);
const typeLine = new RegExp(`^# TYPE (${metricName}) (counter|gauge)$`);
const sampleLine = new RegExp(`^(${metricName})(?:\\{(${label}(?:,${label})*)\\})? (${number})$`);

/**
 * Reads a text by the rules of Prometheus' exposition format 0.0.4, stricter than Prometheus does: every family has its
 * help and its type, in this order and once, before its samples, which stand together and differ in their labels; a
 * counter's name ends in `_total`, is not negative, and no gauge's does.
 * @throws Error with the line that is against a rule.
 */
export function samplesIn(text: string): ReadSample[] {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end');
  const samples: ReadSample[] = [];
  const families = new Set<string>();
  const seen = new Set<string>();
  let helped = '';
  let family = { name: '', type: '' };
  for (const line of text.split('\n').slice(0, -1)) {
    const [, help] = helpLine.exec(line) ?? [];
    const [, typed, type = ''] = typeLine.exec(line) ?? [];
    const [all, name = '', labels = '', value = ''] = sampleLine.exec(line) ?? [];
    const wrong = (why: string) => new Error(`${why}: ${JSON.stringify(line)}`);
    if (help !== undefined) {
      if (families.has(help)) throw wrong('a family comes twice');
      families.add(help);
      helped = help;
    } else if (typed !== undefined) {
      if (typed !== helped) throw wrong('a type without its help');
      if (typed.endsWith('_total') !== (type === 'counter')) throw wrong('a counter ends in _total, nothing else does');
      family = { name: typed, type };
    } else if (all === undefined) throw wrong('no line of this format');
    else {
      if (name !== family.name) throw wrong('a sample that is not of the family before it');
      const read = { name, labels: labelsIn(labels), value: numberIn(value) };
      const key = JSON.stringify([name, Object.entries(read.labels).sort()]);
      if (seen.has(key)) throw wrong('a sample comes twice');
      if (family.type === 'counter' && !(read.value >= 0)) throw wrong('a counter below zero');
      seen.add(key);
      samples.push(read);
    }
  }
  return samples;
}

function labelsIn(text: string): Record<string, string> {
  const pairs = Array.from(
    text.matchAll(new RegExp(`(${labelName})="(${escapedText})"`, 'g')),
    ([, name = '', value = '']) => [
      name,
      value.replaceAll(/\\(.)/g, (_, letter: string) => (letter === 'n' ? '\n' : letter)),
    ],
  );
  const labels = Object.fromEntries(pairs) as Record<string, string>;
  if (Object.keys(labels).length !== pairs.length) throw new Error(`a label comes twice: ${text}`);
  return labels;
}

function numberIn(text: string): number {
  if (text === 'NaN') return NaN;
  return text.endsWith('Inf') ? (text.startsWith('-') ? -Infinity : Infinity) : Number(text);
}
