import { AgentError } from '../../core/errors.ts';
import { withoutSecrets } from '../../core/secrets.ts';
import { quote } from '../../core/yaml/text.ts';
import { tailOf } from '../../host/exec.ts';
import { createFile } from '../../host/growing-file.ts';
import type { GitAccess } from './git-access.ts';
import type { GitRoom } from './git-room.ts';

/** What is done with a repository: by whom it is asked for, and how far it may be reached. */
export interface GitWork {
  readonly room: GitRoom;
  readonly access: GitAccess;
  /** The name of the source, for messages. */
  readonly name: string;
  readonly signal?: AbortSignal;
}

/** A commit that is asked for by its id, or by the name that has led to it. */
export interface WantedCommit {
  readonly commit: string;
  /** `refs/tags/v1`, where it has one. */
  readonly ref?: string;
  /** An annotated tag that must lead to it. */
  readonly tag?: string;
}

/** Errors of old repositories that do no harm (git-fsck(1), "FSCK MESSAGES"). */
const harmless = [
  'zeroPaddedFilemode',
  'badTimezone',
  'missingSpaceBeforeDate',
  'badDate',
  'badDateOverflow',
  'missingEmail',
];

/** What every call is told, beside what is secret. */
const settings: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.attributesFile', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['protocol.ext.allow', 'never'],
  ['protocol.file.allow', 'never'],
  ['transfer.fsckObjects', 'true'],
  ...harmless.map((problem) => [`fetch.fsck.${problem}`, 'ignore'] as const),
  ['fetch.recurseSubmodules', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['http.lowSpeedLimit', '1000'],
  ['http.lowSpeedTime', '60'],
  ['tar.umask', '0022'],
];

/** Settings by the environment (git-config(1), "ENVIRONMENT"): in arguments everyone on this host could read them. */
function settingsIn(all: readonly (readonly [string, string])[]): Record<string, string> {
  return Object.fromEntries([
    ['GIT_CONFIG_COUNT', String(all.length)],
    ...all.flatMap(([key, value], index) => [
      [`GIT_CONFIG_KEY_${index}`, key],
      [`GIT_CONFIG_VALUE_${index}`, value],
    ]),
  ]) as Record<string, string>;
}

/** What is said of a tag that does not lead to where the server says. */
const tagMark = 'the tag';
/** What stands before the list of submodules. */
const modulesMark = 'submodules: ';

interface Call {
  readonly text: string;
  readonly args?: readonly string[];
  readonly keeps?: boolean;
  readonly network?: boolean;
  readonly take?: (piece: Uint8Array) => void;
}

interface Said {
  readonly exitCode: number;
  readonly output: string;
  readonly errors: string;
}

/** The most that is read of what git says, in bytes. */
const mostSaid = 64 * 1024 ** 2;

async function call({ room, access, name, signal }: GitWork, { text, args = [], ...more }: Call): Promise<Said> {
  const { keeps = false, network = false, take } = more;
  const said = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  let size = 0;
  const end = await room.run({
    text: network ? `${access.script}\n${text}` : text,
    args,
    environment: {
      ...(network ? access.environment : {}),
      ...settingsIn([...settings, ...(network ? access.settings : [])]),
    },
    network,
    keeps,
    take: (piece, stream) => {
      if (stream === 'stdout' && take !== undefined) take(piece);
      else if ((size += piece.length) <= mostSaid) said[stream].push(Buffer.from(piece));
    },
    ...(network && access.input !== undefined ? { input: access.input } : {}),
    ...(signal === undefined ? {} : { signal }),
  });
  const errors = Buffer.concat(said.stderr).toString();
  if (end.exceeded !== undefined) throw tooMuch(name, end.exceeded);
  if (size > mostSaid) throw tooMuch(name, 'output');
  return { exitCode: end.exitCode, output: Buffer.concat(said.stdout).toString(), errors };
}

async function callOk(work: GitWork, what: string, one: Call): Promise<Said> {
  const said = await call(work, one);
  if (said.exitCode === 0) return said;
  throw failed(work.name, what, said.errors);
}

function tooMuch(name: string, limit: string): AgentError {
  return new AgentError(
    'content-refused',
    `the git repository of the source ${quote(name)} is too large: git reached its limit of ${limit}`,
    {
      left: 'What arrived was removed.',
    },
  );
}

function failed(name: string, what: string, errors: string): AgentError {
  const facts = tailOf(withoutSecrets(errors)).filter((line) => line !== '' && !line.startsWith(modulesMark));
  const message = `cannot ${what} of the source ${quote(name)}`;
  if (facts.at(-1)?.startsWith(tagMark) === true) return wrongTag(name, facts.slice(-1));
  if (/fsck error|hasDot|gitmodules/i.test(errors) && /fatal: fsck/i.test(errors))
    return new AgentError('content-refused', `${message}: git refuses what is in it`, {
      facts,
      left: 'What arrived was removed.',
    });
  const isDenied = /could not read Username|Authentication failed|Permission denied|returned error: 40[13]/.test(
    errors,
  );
  const isMoved = /returned error: 30\d/.test(errors);
  const isUnknown = errors.includes('Host key verification failed');
  const next = isDenied ? hints.denied : isMoved ? hints.moved : isUnknown ? hints.unknown : hints.usual;
  return new AgentError('network', message, { facts, left: 'Nothing was built.', next });
}

function wrongTag(name: string, facts: readonly string[]): AgentError {
  return new AgentError(
    'verification-failed',
    `the server of the source ${quote(name)} says of the tag that was promised what is not in it`,
    { facts, left: 'What arrived was removed.', next: 'Find out who is between this host and the server.' },
  );
}

const hints = {
  denied: 'Name its secret in the auth of the source, and give that with --secret id=NAME,src=FILE.',
  moved:
    'The server leads to another address, and secrets do not go there: write that one into the spec, often the same with .git at its end.',
  unknown:
    'Add the key of the server to /etc/ssh/ssh_known_hosts: `ssh-keyscan HOST` prints it, and its owner knows whether it is that.',
  usual: 'Check the address and the commit, the network and the proxy settings (http_proxy, https_proxy, no_proxy).',
};

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
  one: Call,
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

/** A place in a commit where another repository belongs. */
export interface Submodule {
  readonly path: string;
  readonly commit: string;
  /** As `.gitmodules` has it; undefined where that says nothing of it. */
  readonly url: string | undefined;
}

/** Reads what the script above says: `160000 commit ID\tPATH` for each, and settings. */
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
