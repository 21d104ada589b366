import { createFile } from '../../host/growing-file.ts';
import { callOk, modulesMark, tagMark, tooMuch, type GitCall, type GitWork } from './git-call.ts';
import { submodulesIn, type Submodule } from './git-submodules.ts';

/** A commit that is asked for by its id, or by the name that has led to it. */
export interface WantedCommit {
  readonly commit: string;
  /** `refs/tags/v1`, where it has one. */
  readonly ref?: string;
  /** An annotated tag that must lead to it. */
  readonly tag?: string;
}

/** The names of a repository that end in one of these patterns, with what they stand for. */
export async function remoteNames(
  work: GitWork,
  url: string,
  patterns: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { output } = await callOk(work, 'read the names in the git repository', {
    text: 'exec git ls-remote -q -- "$@"',
    args: [url, ...patterns],
    network: true,
  });
  const lines = output.split('\n').map((line) => /^([0-9a-f]{40}|[0-9a-f]{64})\t(\S+)$/.exec(line));
  return new Map(lines.flatMap((match) => (match === null ? [] : [[match[2] ?? '', match[1] ?? ''] as const])));
}

/**
 * Fetches one commit into the room, alone where the server gives it so, else with all there is, and prints its files.
 * Of a tag that was promised it is looked whether it leads to the commit, which a server could say of any.
 * Attributes by which an archive differs from a checkout are taken back, and no filter is run. Beside that it says which
 * other repositories belong into it: as git has them, an empty line, and what `.gitmodules` says of them.
 */
const fetchScript = `
git init -q --bare --object-format="$4" /git
cd /git
mkdir -p info
printf '* -export-ignore -export-subst -filter\\n' >info/attributes
if ! { git fetch -q --no-tags --depth=1 -- "$1" "$3" && git cat-file -e "$2^{commit}"; }; then
  git fetch -q -- "$1" '+refs/heads/*:refs/heads/*' '+refs/tags/*:refs/tags/*'
  git cat-file -e "$2^{commit}"
fi
if [ -n "$5" ] && [ "$(git rev-parse --verify -q "$5^{commit}")" != "$2" ]; then
  echo "${tagMark} $5 does not lead to $2" >&2
  exit 1
fi
modules() {
  git ls-tree -r -z --full-tree "$1" | { grep -z '^160000 ' || true; }
  printf '\\0'
  git config -z --blob "$1:.gitmodules" --list 2>/dev/null || true
}
printf '${modulesMark}%s\\n' "$(modules "$2" | base64 -w0)" >&2
exec git archive --format=tar "$2"`;

/** What a commit has. */
export interface FetchedCommit {
  /** The sha256 of the archive of its files. */
  readonly archive: string;
  /** The places in it where other repositories belong. */
  readonly submodules: readonly Submodule[];
}

/**
 * @param path where the files of the commit go, as a tar archive.
 * @param keeps whether the repository stays in the room.
 */
export async function fetchCommit(
  work: GitWork,
  url: string,
  { commit, ref, tag = '' }: WantedCommit,
  { path, keeps }: { readonly path: string; readonly keeps: boolean },
): Promise<FetchedCommit> {
  const [archive, errors] = await archived(work, path, `fetch ${commit} from the git repository`, {
    text: fetchScript,
    args: [url, commit, ref === undefined ? commit : `+${ref}:${ref}`, commit.length === 64 ? 'sha256' : 'sha1', tag],
    keeps,
    network: true,
  });
  const line = errors.split('\n').findLast((one) => one.startsWith(modulesMark)) ?? '';
  return { archive, submodules: submodulesIn(Buffer.from(line.slice(modulesMark.length), 'base64').toString()) };
}

/** The most that the files of one commit may be, in bytes. */
const mostBytes = 16 * 1024 ** 3;

/** What a script prints, as a file. @returns its sha256, and what was said beside it. */
async function archived(
  work: GitWork,
  path: string,
  what: string,
  one: GitCall,
): Promise<[sha256: string, errors: string]> {
  const file = createFile(path, { bytes: mostBytes, tooLarge: () => tooMuch(work.name, 'size') });
  try {
    const { errors } = await callOk(work, what, { ...one, take: file.add });
    return [file.finish(), errors];
  } catch (error) {
    file.discard();
    throw error;
  }
}

/**
 * A directory `.git` of its own, with nothing in it but the commit, its names and where it is from: the same bytes each
 * time.
 */
const ownDirectoryScript = `
mkdir -p /tmp/own/.git
cd /tmp/own/.git
mkdir -p objects/pack objects/info refs/heads refs/tags
printf '%s\\n' "$1" >HEAD
printf '%s' "$2" >config
[ ! -f /git/shallow ] || cat /git/shallow >shallow
{ echo '# pack-refs with: sorted'; git --git-dir=/git for-each-ref --format='%(objectname) %(refname)'; } >packed-refs
git --git-dir=/git rev-list --objects --all "$1" | cut -d' ' -f1 | LC_ALL=C sort -u |
  git --git-dir=/git -c pack.threads=1 pack-objects -q --no-reuse-delta --no-reuse-object --window=0 objects/pack/pack >/dev/null
git --git-dir=. read-tree "$1"
cd ..
exec tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar -c .git`;

export async function archiveOwnDirectory(work: GitWork, url: string, commit: string, path: string): Promise<string> {
  const format = commit.length === 64 ? ['[extensions]', '\tobjectFormat = sha256'] : [];
  const version = commit.length === 64 ? 1 : 0;
  const config = [
    ...['[core]', `\trepositoryFormatVersion = ${version}`, '\tbare = false', ...format],
    ...['[remote "origin"]', `\turl = ${JSON.stringify(url)}`, '\tfetch = +refs/heads/*:refs/remotes/origin/*', ''],
  ];
  const call = { text: ownDirectoryScript, args: [commit, config.join('\n')] };
  const [sha256] = await archived(work, path, 'read the git repository', call);
  return sha256;
}
