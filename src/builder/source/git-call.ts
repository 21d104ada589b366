import { AgentError } from '../../core/errors.ts';
import { withoutSecrets } from '../../core/secrets.ts';
import { quote } from '../../core/yaml/text.ts';
import { tailOf } from '../../host/exec.ts';
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
export const tagMark = 'the tag';
/** What stands before the list of submodules. */
export const modulesMark = 'submodules: ';

/** One call of the shell beside a repository, for git. */
export interface GitCall {
  readonly text: string;
  readonly args?: readonly string[];
  /** Whether what it changes is there for those after it. */
  readonly keeps?: boolean;
  readonly network?: boolean;
  /** Gets what it prints, instead of `output`. */
  readonly take?: (piece: Uint8Array) => void;
}

/** What came of it. */
export interface Said {
  readonly exitCode: number;
  readonly output: string;
  readonly errors: string;
}

/** The most that is read of what git says, in bytes. */
const mostSaid = 64 * 1024 ** 2;

async function call({ room, access, name, signal }: GitWork, { text, args = [], ...more }: GitCall): Promise<Said> {
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

/** @throws AgentError that says what could not be done, and why. */
export async function callOk(work: GitWork, what: string, one: GitCall): Promise<Said> {
  const said = await call(work, one);
  if (said.exitCode === 0) return said;
  throw failed(work.name, what, said.errors);
}

export function tooMuch(name: string, limit: string): AgentError {
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
  const [, next] = hints.find(([sign]) => sign.test(errors)) ?? [undefined, usualHint];
  return new AgentError('network', message, { facts, left: 'Nothing was built.', next });
}

function wrongTag(name: string, facts: readonly string[]): AgentError {
  return new AgentError(
    'verification-failed',
    `the server of the source ${quote(name)} says of the tag that was promised what is not in it`,
    { facts, left: 'What arrived was removed.', next: 'Find out who is between this host and the server.' },
  );
}

/** What can be done, by what git and ssh say. */
const hints: readonly (readonly [sign: RegExp, hint: string])[] = [
  [
    /could not read Username|Authentication failed|Permission denied|returned error: 40[13]/,
    'Name its secret in the auth of the source, and give that with --secret id=NAME,src=FILE.',
  ],
  [
    /returned error: 30\d/,
    'The server leads to another address, and secrets do not go there: write that one into the spec, often the same with .git at its end.',
  ],
  [
    /Host key verification failed/,
    'Add the key of the server to /etc/ssh/ssh_known_hosts: `ssh-keyscan HOST` prints it, and its owner knows whether it is that.',
  ],
];

const usualHint =
  'Check the address and the commit, the network and the proxy settings (http_proxy, https_proxy, no_proxy).';
