import type { GitSource } from '../spec/sources.ts';
import type { GitAddress } from './git-address.ts';
import { knownServers, strictSsh } from './known-servers.ts';
import type { SourceMeans } from './means.ts';
import { secretText, type Asker } from './secrets.ts';

/** How a server is reached: nothing of it is in an argument, in a file or in a message. */
export interface GitAccess {
  readonly settings: readonly (readonly [string, string])[];
  readonly environment: Readonly<Record<string, string>>;
  /** Lines of the shell before git is run. */
  readonly script: string;
  /** What they read from standard input. */
  readonly input?: string;
}

/**
 * How the repository of a source is reached, and its submodules on the same server: with what the spec names, else with
 * what BuildKit takes where it is given, the secrets GIT_AUTH_HEADER and GIT_AUTH_TOKEN.
 * @throws AgentError `usage` where a secret is missing.
 */
export function accessFor(name: string, source: GitSource, address: GitAddress, given: Given): GitAccess {
  const asker = { source: name, position: source.position };
  const { url, transport, credentials } = address;
  if (transport === 'ssh') return sshAccess(source, asker, given);
  const header =
    transport === 'git' || credentials !== undefined ? undefined : headerFor(source, address, asker, given);
  const open = openAccess(address, given);
  return header === undefined ? open : { ...open, settings: headerSettings(url, header) };
}

/** How a repository is reached that everyone may read. */
export function openAccess(address: GitAddress, given: Given): GitAccess {
  const { credentials, url, transport } = address;
  if (transport === 'ssh') return knownServer(given);
  const settings = credentials === undefined ? [] : headerSettings(url, basic(credentials.user, credentials.password));
  return { environment: { ...given.proxies, ...onlyBy(transport) }, settings, script: ':' };
}

/** Where a server leads elsewhere, git would give the header to whoever is there. */
function headerSettings(url: string, header: string): GitAccess['settings'] {
  return [
    [`http.${new URL(url).origin}/.extraHeader`, `Authorization: ${header}`],
    ['http.followRedirects', 'false'],
  ];
}

/** A server must not lead to another way than the one that was asked for, except to an encrypted one. */
function onlyBy(transport: GitAddress['transport']): Readonly<Record<string, string>> {
  return { GIT_ALLOW_PROTOCOL: transport === 'http' ? 'http:https' : transport };
}

type Given = Pick<SourceMeans, 'secrets' | 'work' | 'proxies' | 'knownHosts'>;

function headerFor({ auth }: GitSource, { host }: GitAddress, asker: Asker, given: Given): string | undefined {
  const [headerName, tokenName] =
    auth.header === '' && auth.token === ''
      ? ['GIT_AUTH_HEADER', 'GIT_AUTH_TOKEN'].map((usual) => givenName(usual, host, given.secrets))
      : [auth.header, auth.token];
  if (headerName !== undefined && headerName !== '') return secretText(headerName, asker, given);
  if (tokenName === undefined || tokenName === '') return undefined;
  return basic('x-access-token', secretText(tokenName, asker, given));
}

/** The usual name of a secret for a host, or for all, if such a one was given. */
function givenName(usual: string, host: string, secrets: SourceMeans['secrets']): string | undefined {
  return [`${usual}.${host}`, usual].find((name) => secrets.has(name));
}

function basic(user: string, password: string): string {
  return `basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

const knownFile = '/tmp/known_hosts';

/** The server must be one that this host or this user knows. No variable has room for all that a host may know. */
function knownServer(given: Given): Required<GitAccess> {
  const known = knownServers(given);
  return {
    settings: [],
    environment: {
      ...given.proxies,
      ...onlyBy('ssh'),
      GIT_SSH_COMMAND: strictSsh(knownFile),
      GIT_SSH_VARIANT: 'ssh',
    },
    script: `head -c ${Buffer.byteLength(known)} >${knownFile}`,
    input: known,
  };
}

/** Memory of the sandbox alone. An agent would need a Unix socket, of which there are none where there is a network. */
const keyFile = '/dev/shm/key';

/** The key goes from standard input into a file that is in memory, and that ends with the sandbox. */
function sshAccess({ auth }: GitSource, asker: Asker, given: Given): GitAccess {
  const access = knownServer(given);
  if (auth.ssh === '') return access;
  const { GIT_SSH_COMMAND = '' } = access.environment;
  return {
    ...access,
    environment: { ...access.environment, GIT_SSH_COMMAND: `${GIT_SSH_COMMAND} -o IdentitiesOnly=yes -i ${keyFile}` },
    script: `${access.script}\n(umask 077; cat >${keyFile})`,
    input: `${access.input}${secretText(auth.ssh, asker, given)}\n`,
  };
}
