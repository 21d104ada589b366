/** What apt's configuration says of the dates in indexes; absent where it says nothing. */
export interface AptSettings {
  readonly checkValidUntil?: boolean;
  readonly checkDate?: boolean;
}

const yes = ['1', 'yes', 'true', 'with', 'on', 'enable'];
const no = ['0', 'no', 'false', 'without', 'off', 'disable'];

/** A boolean as apt reads one; undefined for other text. */
export function aptBoolean(text = ''): boolean | undefined {
  const word = text.toLowerCase();
  return yes.includes(word) ? true : no.includes(word) ? false : undefined;
}

/** Reads the text of apt's configuration files, in their order (apt.conf(5)): a later setting of a name wins. */
export function parseAptSettings(text: string): AptSettings {
  const values = parseAptConf(text);
  const checkValidUntil = aptBoolean(values.get('acquire::check-valid-until'));
  const checkDate = aptBoolean(values.get('acquire::check-date'));
  return {
    ...(checkValidUntil === undefined ? {} : { checkValidUntil }),
    ...(checkDate === undefined ? {} : { checkDate }),
  };
}

/** Comments, quoted text, punctuation and words; a word goes on through `::` and `/`. */
const token = /\/\/.*|#.*|\/\*[\s\S]*?\*\/|"([^"\n]*)"|[{};]|[^\s"{};]+/g;

/** The values by their full names in lower case: `Acquire { Check-Date "no"; };` is `acquire::check-date`. */
function parseAptConf(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const scopes: string[] = [];
  let statement: string[] = [];
  for (const [word, quoted] of text.matchAll(token)) {
    if (quoted === undefined && /^(\/\/|#|\/\*)/.test(word)) continue;
    if (word === '{') scopes.push(statement[0] ?? '');
    else if (word === '}') scopes.pop();
    else if (word === ';' && statement.length === 2) values.set(fullName(scopes, statement[0]), statement[1] ?? '');
    statement = /^[{};]$/.test(word) ? [] : [...statement, quoted ?? word];
  }
  return values;
}

function fullName(scopes: readonly string[], name = ''): string {
  return [...scopes, name].join('::').toLowerCase();
}
