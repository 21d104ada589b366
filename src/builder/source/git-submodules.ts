/** A place in a commit where another repository belongs. */
export interface Submodule {
  readonly path: string;
  readonly commit: string;
  /** As `.gitmodules` has it; undefined where that says nothing of it. */
  readonly url: string | undefined;
}

/** Reads what the script that fetches a commit says of them: `160000 commit ID\tPATH` for each, and settings. */
export function submodulesIn(output: string): readonly Submodule[] {
  const lines = output.split('\0');
  const end = lines.indexOf('');
  const urls = urlsByPath(lines.slice(end + 1));
  return lines.slice(0, end).flatMap((line) => {
    const [, id, path] = /^160000 commit ([0-9a-f]+)\t([\s\S]+)$/.exec(line) ?? [];
    return id === undefined || path === undefined ? [] : [{ path, commit: id, url: urls.get(path) }];
  });
}

/** `submodule.NAME.path` and `submodule.NAME.url`, as `git config -z` prints them. */
function urlsByPath(said: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, Map<string, string>>();
  for (const setting of said) {
    const [, name, key, value] = /^submodule\.([\s\S]*)\.(path|url)\n([\s\S]*)$/.exec(setting) ?? [];
    if (name === undefined || key === undefined || value === undefined) continue;
    found.set(name, (found.get(name) ?? new Map<string, string>()).set(key, value));
  }
  return new Map(
    [...found.values()].flatMap((fields) => {
      const [path, url] = [fields.get('path'), fields.get('url')];
      return path === undefined || url === undefined ? [] : [[path.replace(/\/+$/, ''), url] as const];
    }),
  );
}
