import { join } from 'node:path';

import { decodeJson, jsonMap, jsonOptional, jsonStruct, jsonText, type JsonDecoder } from '../../core/json.ts';
import { AgentError } from '../../core/errors.ts';
import { fileStatus, readText } from '../../host/files.ts';

/** What a registry is told of who asks. Never shown. */
export type Credentials =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  /** A token that is good for getting others. */
  | { readonly kind: 'identity'; readonly token: string };

/** Finds the credentials for a repository; undefined where there are none: then nobody in particular asks. */
export type CredentialSource = (registry: string, repository: string) => Credentials | undefined;

interface Entry {
  readonly auth: string;
  readonly identitytoken: string;
}

const secret = jsonOptional(jsonText(16_384), '');
const entry: JsonDecoder<Entry> = jsonStruct({ auth: secret, identitytoken: secret });
const authFile = jsonStruct({ auths: jsonOptional(jsonMap(entry, 10_000), new Map<string, Entry>()) });

const largest = 1024 * 1024;

/**
 * Where credentials are looked for, in this order (containers-auth.json(5)); the name of a credential that systemd gives
 * the service is `registry-auth.json`.
 */
export function credentialFiles(env: NodeJS.ProcessEnv, uid: number): string[] {
  const said = env['REGISTRY_AUTH_FILE'];
  if (said !== undefined && said !== '') return [said];
  const home = env['HOME'];
  const runtime = uid === 0 ? '/run/containers/0' : join(env['XDG_RUNTIME_DIR'] ?? `/run/user/${uid}`, 'containers');
  const config = env['XDG_CONFIG_HOME'] ?? (home === undefined ? undefined : join(home, '.config'));
  return [
    ...below(env['CREDENTIALS_DIRECTORY'], 'registry-auth.json'),
    join(runtime, 'auth.json'),
    ...below(config, 'containers/auth.json'),
    ...below(home, '.docker/config.json'),
  ];
}

function below(directory: string | undefined, path: string): string[] {
  return directory === undefined || directory === '' ? [] : [join(directory, path)];
}

/** Credentials out of these files: the first that has some for the repository counts. Each file is read once. */
export function credentialsFrom(files: readonly string[]): CredentialSource {
  let read: readonly ReadonlyMap<string, Entry>[] | undefined;
  return (registry, repository) => {
    read ??= files.map(readAuthFile);
    for (const auths of read) {
      const found = credentialsIn(auths, registry, repository);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** @throws AgentError `invalid-config` for a file that cannot be understood; what stands in it is not repeated. */
function readAuthFile(path: string): ReadonlyMap<string, Entry> {
  const status = fileStatus(path);
  if (status?.isFile() !== true) return new Map();
  const decoded = status.size > largest ? { problem: 'it is too large' } : decodeJson(readText(path), authFile);
  if ('value' in decoded) return decoded.value.auths;
  throw new AgentError('invalid-config', `cannot read the credentials in ${path}: ${decoded.problem}`, {
    left: 'Nothing was changed.',
    next: 'Write it anew with `skopeo login` or `podman login`.',
  });
}

/** The entry of a repository is found by its name, by each beginning of it, and by its registry. */
export function credentialsIn(
  auths: ReadonlyMap<string, Entry>,
  registry: string,
  repository: string,
): Credentials | undefined {
  const byHost = new Map(Array.from(auths, ([key, value]) => [hostKey(key), value]));
  const parts = repository.split('/');
  const names = parts.map((_, index) => [registry, ...parts.slice(0, parts.length - index)].join('/'));
  const legacy = registry === 'docker.io' ? ['index.docker.io'] : [];
  for (const name of [...names, registry, ...legacy]) {
    const found = byHost.get(name);
    const credentials = found === undefined ? undefined : credentialsOf(found);
    if (credentials !== undefined) return credentials;
  }
  return undefined;
}

/** Docker writes addresses where others write hosts: `https://index.docker.io/v1/`. */
function hostKey(key: string): string {
  return /^https?:\/\//.test(key) ? key.replace(/^https?:\/\/([^/]*).*$/, '$1') : key;
}

function credentialsOf({ auth, identitytoken }: Entry): Credentials | undefined {
  if (identitytoken !== '') return { kind: 'identity', token: identitytoken };
  const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(auth, 'base64').toString('utf8')) ?? [];
  if (user === undefined || password === undefined || user === '') return undefined;
  return { kind: 'password', user, password };
}
