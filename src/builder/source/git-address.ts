import { quote } from '../../core/yaml/text.ts';

/** Where a git repository is. */
export interface GitAddress {
  /** As git takes it; what was secret in it is left out. */
  readonly url: string;
  readonly transport: 'https' | 'http' | 'ssh' | 'git';
  /** `HOST` or `HOST:PORT` */
  readonly host: string;
  /** User and password that were written into it. */
  readonly credentials?: { readonly user: string; readonly password: string };
}

type Parsed = { readonly value: GitAddress } | { readonly problem: string };

/** `git@github.com:ORG/REPO.git` (git-clone(1), "GIT URLS") */
const scpLike = /^(?:\w[\w.+-]*@)?([A-Za-z0-9][\w.-]*):(?!\/\/|:)[^\s]+$/;
const transports = ['https', 'http', 'ssh', 'git'] as const;

/**
 * Reads the address of a repository as specs write it: of https, http, ssh or git; without any of them https is meant, as
 * in Dalec. Nothing of this host is a repository: a directory of it is a build context.
 */
export function parseGitAddress(text: string): Parsed {
  const problem = problemOf(text);
  if (problem !== undefined) return { problem };
  const [, way] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text) ?? [];
  const [, host] = scpLike.exec(text) ?? [];
  if (way === undefined && host !== undefined) return { value: { url: text, transport: 'ssh', host } };
  const transport = transports.find((one) => one === (way ?? 'https').toLowerCase());
  if (transport === undefined) return { problem: notTaken(way ?? '') };
  const url = URL.parse(way === undefined ? `https://${text}` : text);
  if (url !== null && isSound(url)) return { value: withoutCredentials(url, transport) };
  return { problem: `${quote(text)} is no address of a repository` };
}

/** Whether no part of it could be taken for an option by what gets it in the end, such as ssh. */
function isSound({ hostname, username, password }: URL): boolean {
  const [host, user] = [hostname, username].map(decoded);
  if (host === undefined || user === undefined || decoded(password) === undefined) return false;
  return /^[A-Za-z0-9[]/.test(host) && !/[\s\p{C}]/u.test(host) && !user.startsWith('-');
}

/** Undefined for what has a % in it that stands for nothing. */
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function problemOf(text: string): string | undefined {
  if (/[\s\p{C}]/u.test(text)) return `${quote(text)} has white space in it`;
  if (/[#?]/.test(text)) return `${quote(text)} has a part after # or ?: the field commit says what is meant`;
  return /^[/.]/.test(text) ? notTaken('file') : undefined;
}

function notTaken(way: string): string {
  return way === 'file'
    ? 'a repository of this host is not read: give its directory with --build-context, and use a source of the kind context'
    : `the way ${quote(`${way}://`)} to a repository is not taken, only ${transports.map((one) => `${one}://`).join(', ')}`;
}

/** Of ssh the user is a part of the address. */
function withoutCredentials(url: URL, transport: GitAddress['transport']): GitAddress {
  const { host, username, password } = url;
  if (transport !== 'http' && transport !== 'https') {
    url.password = '';
    return { url: url.href, transport, host };
  }
  url.username = '';
  url.password = '';
  const plain = { url: url.href, transport, host };
  if (username === '' && password === '') return plain;
  return { ...plain, credentials: { user: decodeURIComponent(username), password: decodeURIComponent(password) } };
}

/**
 * The address of a submodule as `.gitmodules` has it: one that begins with `./` or `../` is relative to that of the
 * repository (gitmodules(5)).
 */
export function submoduleAddress(parent: GitAddress, text: string): Parsed {
  if (!/^\.\.?\//.test(text)) return parseGitAddress(text);
  let base = parent.url.replace(/\/+$/, '');
  let rest = text;
  for (let match = /^(\.\.?)\/+/.exec(rest); match !== null; match = /^(\.\.?)\/+/.exec(rest)) {
    if (match[1] === '..') base = base.replace(/[/:][^/:]*$/, '');
    rest = rest.slice(match[0].length);
  }
  const separator = /^[a-z]+:\/\//.test(base) || base.includes(':') ? '/' : ':';
  const parsed = parseGitAddress(`${base}${separator}${rest}`);
  if ('problem' in parsed || parsed.value.host !== parent.host)
    return { problem: `${quote(text)} leads out of the server` };
  return parsed;
}
