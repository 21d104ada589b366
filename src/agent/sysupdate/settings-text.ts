/** The assignments of a settings file of systemd (systemd.syntax(7)): by section and key, in the order of the file. */
export type SettingsText = ReadonlyMap<string, readonly string[]>;

/**
 * Reads settings files of systemd that belong together, the later ones as drop-ins of the first. An empty assignment takes back
 * all before it.
 * @returns by `Section.Key`, all values that were assigned.
 */
export function parseSettingsText(texts: readonly string[]): SettingsText {
  const values = new Map<string, string[]>();
  for (const text of texts) {
    let section = '';
    for (const line of text.replace(/\\\r?\n/g, ' ').split(/\r?\n/)) {
      const [, title] = /^\s*\[([^\]]+)\]\s*$/.exec(line) ?? [];
      const [, key, value = ''] = /^\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
      section = title ?? section;
      if (key === undefined || section === '') continue;
      const name = `${section}.${key}`;
      if (value === '') values.delete(name);
      else values.set(name, [...(values.get(name) ?? []), value]);
    }
  }
  return values;
}

/** The value that counts of a key that has one. */
export function settingOf(settings: SettingsText, name: string): string | undefined {
  return settings.get(name)?.at(-1);
}

/** The words of a key that has several, without the quotes around them. */
export function wordsOf(settings: SettingsText, name: string): readonly string[] {
  const words = (settings.get(name) ?? []).flatMap((value) => value.match(/"[^"]*"|'[^']*'|\S+/g) ?? []);
  return words.map((word) => word.replace(/^(["'])(.*)\1$/, '$2'));
}

/** Whether a value is true by systemd's words for it; undefined where it is neither true nor false. */
export function truthOf(value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  if (/^(1|yes|y|true|t|on)$/i.test(value)) return true;
  return /^(0|no|n|false|f|off)$/i.test(value) ? false : undefined;
}
