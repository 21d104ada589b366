/** The fields of an os-release or extension-release file (os-release(5)). */
export type ReleaseFields = Readonly<Record<string, string>>;

/** A value in an environment file is a row of pieces: 'literal', "with escapes", or bare text with escapes. */
const piece = /'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|((?:[^\s'"\\]|\\[\s\S]|[^\S\n]+(?=\S))+)/gy;

/**
 * Reads the shell-like assignments of os-release(5): comments and lines that are no assignment are passed over, and a
 * later assignment of the same name wins, as in systemd's parse_env_file().
 */
export function parseReleaseFields(text: string): ReleaseFields {
  const fields: Record<string, string> = {};
  for (const line of text.split(/[\r\n]+/)) {
    const [, name, value] = /^\s*([A-Za-z0-9_]+)\s*=[^\S\n]*(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) fields[name] = unquote(value);
  }
  return fields;
}

function unquote(value: string): string {
  return Array.from(
    value.matchAll(piece),
    ([, single, double, bare]) => single ?? unescapeQuoted(double) ?? unescape(bare ?? ''),
  ).join('');
}

/** In double quotes a backslash escapes only what the shell would expand. */
function unescapeQuoted(text: string | undefined): string | undefined {
  return text?.replace(/\\(["\\`$])/g, '$1');
}

function unescape(text: string): string {
  return text.trimEnd().replace(/\\([\s\S])/g, '$1');
}
