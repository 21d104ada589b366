import type { Layout } from '../artifacts/layout.ts';
import type { Artifacts, ArtifactKind, OwnPlacing } from '../spec/artifacts.ts';
import { artifactPath, wantedArguments, wantedFunction } from './artifact-paths.ts';
import { buildDirectory, type MakingStep } from './making-step.ts';

/** The kinds in which programs and libraries are. */
const programs: readonly ArtifactKind[] = ['binaries', 'libexec', 'libs', 'opt'];

/** What dh_strip(1) and rpm's brp-strip leave out of programs, of shared libraries and of archives. */
const optionsOf: Readonly<Record<Layout['family'], Readonly<Record<'program' | 'library' | 'archive', string>>>> = {
  deb: {
    program: '--remove-section=.comment --remove-section=.note',
    library: '--remove-section=.comment --remove-section=.note --strip-unneeded',
    archive:
      '--strip-debug --remove-section=.comment --remove-section=.note --enable-deterministic-archives --wildcard --remove-section=.gnu.lto_*',
  },
  rpm: {
    program: '--strip-debug --remove-section=.comment',
    library: '--strip-debug --remove-section=.comment',
    archive: '--strip-debug',
  },
};

/**
 * The step that strips the programs and libraries among the artifacts, as packages of the target's family have them;
 * undefined where there are none, or the spec forbids it. What the target's strip(1) does not know stays as it is.
 */
export function stripStep(artifacts: Artifacts, { places }: OwnPlacing, { family }: Layout): MakingStep | undefined {
  const files = [...programs.flatMap((kind) => artifacts.files[kind]), ...places];
  const paths = files.map(({ path }) => artifactPath(path.value));
  if (artifacts.disableStrip || paths.length === 0) return undefined;
  return {
    title: 'stripping programs and libraries',
    position: artifacts.position,
    argv: ['/bin/sh', '-ec', scriptFor(family), 'sh', ...wantedArguments(paths)],
    directory: buildDirectory,
    environment: {},
    network: false,
    binds: [],
    caches: [],
    exports: {},
  };
}

/**
 * Told by their first bytes (elf(5)): 127 E L F with the type 2 (programs) or 3 (libraries, and programs that can be
 * anywhere), in either order of bytes; `!<arch>` is an archive (ar(5)).
 */
function scriptFor(family: Layout['family']): string {
  const { program, library, archive } = optionsOf[family];
  return `${wantedFunction}
command -v strip > /dev/null || exit 0
wanted "$@" | tr '\\0' '\\n' | while read -r path; do
  [ -L "./$path" ] || find "./$path" -type f -size +0 -print
done | sort -u | while read -r file; do
  case $(od -A n -t x1 -N 18 "$file" | tr -d ' \\n') in
    7f454c46????????????????????????0200 | 7f454c46????????????????????????0002 | \\
    7f454c46????????????????????????0300 | 7f454c46????????????????????????0003)
      case $file in
        *.so | *.so.* | *.node) set -- ${library} ;;
        *) set -- ${program} ;;
      esac ;;
    213c617263683e0a*)
      case $file in
        *.a) set -- ${archive} ;;
        *) continue ;;
      esac ;;
    *) continue ;;
  esac
  strip "$@" "$file" || echo "not stripped: $file"
done`;
}
