import { join } from 'node:path/posix';

import { writeAtomically } from '../../host/files.ts';
import { buildDirectory, type MakingStep } from '../making/making-step.ts';
import type { GomodAuth, GomodGenerator, Source } from '../spec/sources.ts';
import { parseGitAddress } from './git-address.ts';
import { knownServers, strictSsh } from './known-servers.ts';
import type { SourceMeans } from './means.ts';
import { secretBind } from './secrets.ts';

/** Where the modules of all sources are: beside them, under a name that no source has. */
const moduleCache = join(buildDirectory, '__gomods');

/** What a generator for Go modules runs, and with what. */
export interface GomodWork extends Pick<MakingStep, 'environment' | 'binds' | 'exports'> {
  /** Lines of the shell. */
  readonly text: string;
  readonly args: readonly string[];
}

/**
 * Changes `go.mod` where the spec wants it, then fetches the modules into one cache for the whole build. A directory
 * without one is passed over, as Dalec does.
 * @throws AgentError `usage` where a secret is missing.
 */
export function gomodWork(name: string, source: Source, generator: GomodGenerator, means: SourceMeans): GomodWork {
  const { edits } = generator;
  const changes = [
    ...edits.replace.map((one) => `-replace=${one.old}=${one.new}`),
    ...edits.drop.map((module) => `-droprequire=${module}`),
  ];
  const auth = authOf(source, generator);
  const proxy = means.buildArguments['DALEC_GOMOD_PROXY'] ?? '';
  return {
    text: [
      '[ -f go.mod ] || exit 0',
      ...accessLines(auth),
      ...(changes.length === 0 ? [] : ['go mod edit "$@"', 'go mod tidy']),
      'go mod download',
    ].join('\n'),
    args: changes,
    environment: {
      GOMODCACHE: moduleCache,
      // Directories that nobody may write to could not be removed again.
      GOFLAGS: '-modcacherw',
      GOPATH: '/tmp/go',
      ...(proxy === '' ? {} : { GOPROXY: proxy }),
      ...privateHosts(auth),
    },
    binds: [
      ...auth.map((one, index) =>
        secretBind(secretOf(one), secretPath(index), { source: name, position: generator.position }, means),
      ),
      ...(auth.some(({ ssh }) => ssh !== undefined) ? [knownServersBind(means)] : []),
    ],
    exports: { GOMODCACHE: moduleCache },
  };
}

/** What is said for each host; a git repository that the source comes from counts for its own. */
function authOf(source: Source, { auth }: GomodGenerator): readonly GomodAuth[] {
  const said = auth.filter((one) => secretOf(one) !== '');
  if (source.kind !== 'git') return said;
  const address = parseGitAddress(source.url.value);
  const { token, header, ssh } = source.auth;
  if ('problem' in address || said.some(({ host }) => host.value === address.value.host)) return said;
  const host = { value: address.value.host, position: source.url.position };
  const own = { host, token, header, ssh: ssh === '' ? undefined : { id: ssh, username: 'git' } };
  return secretOf(own) === '' ? said : [...said, own];
}

function secretOf({ token, header, ssh }: GomodAuth): string {
  if (ssh !== undefined) return ssh.id === '' ? 'default' : ssh.id;
  return token === '' ? header : token;
}

function secretPath(index: number): string {
  return `/run/secrets/gomod-${index}`;
}

const knownFile = '/run/secrets/known_hosts';

/** Where a module may come from changes nothing about what it is. */
function knownServersBind(means: SourceMeans): MakingStep['binds'][number] {
  const path = join(means.work, 'known_hosts');
  writeAtomically(path, knownServers(means));
  return { source: path, at: knownFile, writable: false, digest: 'known servers' };
}

/** Modules of these hosts come from there and from nobody else, and nobody else is asked about them. */
function privateHosts(auth: readonly GomodAuth[]): Readonly<Record<string, string>> {
  const hosts = auth.map(({ host }) => host.value.replace(/:.*$/, '')).join(',');
  return hosts === '' ? {} : { GOPRIVATE: hosts };
}

/** Lines that give git the secrets, which only the shell of the step reads. */
function accessLines(auth: readonly GomodAuth[]): readonly string[] {
  if (auth.length === 0) return [];
  return [
    `export GIT_TERMINAL_PROMPT=0 GIT_CONFIG_COUNT=${auth.length}`,
    ...auth.flatMap((one, index) => {
      const [key, value] = settingOf(one, `"$(cat ${secretPath(index)})"`);
      return [
        `export GIT_CONFIG_KEY_${index}=${quoted(key)}`,
        `GIT_CONFIG_VALUE_${index}=${value}`,
        `export GIT_CONFIG_VALUE_${index}`,
        ...(one.ssh === undefined ? [] : keyLines(index)),
      ];
    }),
  ];
}

function settingOf({ host, token, ssh }: GomodAuth, secret: string): [key: string, value: string] {
  const { value: name } = host;
  if (ssh !== undefined) {
    const user = ssh.username === '' ? 'git' : ssh.username;
    return [`url.ssh://${user}@${name}/.insteadOf`, quoted(`https://${name.replace(/:.*$/, '')}/`)];
  }
  const key = `http.https://${name}/.extraHeader`;
  if (token === '') return [key, `"Authorization: "${secret}`];
  return [key, `"Authorization: basic $(printf 'x-access-token:%s' ${secret} | base64 | tr -d '\\n')"`];
}

/** The key is in memory of the sandbox only; an agent would need a Unix socket, of which there are none where there is a network. */
function keyLines(index: number): readonly string[] {
  const file = `/dev/shm/gomod-${index}`;
  return [
    `(umask 077; { cat ${secretPath(index)}; echo; } >${file})`,
    `ssh_keys="\${ssh_keys:-} -i ${file}"`,
    `export GIT_SSH_COMMAND="${strictSsh(knownFile)} -o IdentitiesOnly=yes$ssh_keys"`,
  ];
}

/** As one word of the shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
