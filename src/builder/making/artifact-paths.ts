/** Where an artifact is looked for below the directory of the sources. */
export interface ArtifactPath {
  /** Begins with `./`. */
  readonly directory: string;
  readonly name: string;
  /** Whether the name is a pattern of the shell. */
  readonly isPattern: boolean;
}

/** Only the last part of an artifact's path can be a pattern. */
export function artifactPath(path: string): ArtifactPath {
  const clean = path.replace(/^(\.?\/)+|\/+$/g, '');
  const cut = clean.lastIndexOf('/');
  const name = clean.slice(cut + 1);
  return { directory: cut === -1 ? '.' : `./${clean.slice(0, cut)}`, name, isPattern: /[*?[]/.test(name) };
}

/** Lines of the shell: `wanted "$@"` then prints what there is of the paths, each with a NUL after it. */
export const wantedFunction = `
IFS=
wanted() {
  while [ $# -gt 0 ]; do
    if [ "$3" = pattern ]; then
      for found in "$1"/$2; do present "$found"; done
    else
      present "$1/$2"
    fi
    shift 3
  done
}
present() {
  if [ -e "$1" ] || [ -L "$1" ]; then printf '%s\\0' "\${1#./}"; fi
}
`;

/** The arguments of that function. */
export function wantedArguments(paths: readonly ArtifactPath[]): readonly string[] {
  return paths.flatMap(({ directory, name, isPattern }) => [directory, name, isPattern ? 'pattern' : 'name']);
}
