import type { Registries, RegistrySettings } from '../../core/registries.ts';
import type { Clock } from '../../host/clock.ts';
import { readText } from '../../host/files.ts';
import { createHttp, type Http } from '../../host/http.ts';
import { authorized } from './authorization.ts';
import type { CredentialSource } from './credentials.ts';

/** How this host reaches registries. */
export interface RegistryAccess {
  readonly registries: Registries;
  readonly credentials: CredentialSource;
  readonly env: NodeJS.ProcessEnv;
  readonly clock: Clock;
  /** Milliseconds of silence after which a registry counts as away, where not those of createHttp(). */
  readonly idleTimeout?: number;
}

/** A repository at one place: in its registry, or in a mirror of that. */
export interface Endpoint {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Its name there. */
  readonly repository: string;
  readonly isMirror: boolean;
  readonly http: Http;
  readonly clock: Clock;
}

/** Docker's registry has two names, and another for what has no slash in it. */
const docker = { registry: 'docker.io', host: 'registry-1.docker.io', folder: 'library' };

const usual: RegistrySettings = { mirrors: [], plainHttp: false };

/** The registry itself. */
export function originEndpoint(access: RegistryAccess, registry: string, repository: string): Endpoint {
  const isDocker = registry === docker.registry;
  const name = isDocker && !repository.includes('/') ? `${docker.folder}/${repository}` : repository;
  const place = { registry, host: isDocker ? docker.host : registry, repository: name, isMirror: false };
  return endpoint(access, place);
}

/** Its mirrors in their order, then the registry itself. */
export function endpointsOf(access: RegistryAccess, registry: string, repository: string): readonly Endpoint[] {
  const mirrors = access.registries.get(registry)?.mirrors ?? [];
  return [
    ...mirrors.map((mirror) => {
      const [host = '', ...path] = mirror.split('/');
      return endpoint(access, { registry: host, host, repository: [...path, repository].join('/'), isMirror: true });
    }),
    originEndpoint(access, registry, repository),
  ];
}

interface Place {
  /** The name by which settings and credentials know it. */
  readonly registry: string;
  readonly host: string;
  readonly repository: string;
  readonly isMirror: boolean;
}

function endpoint(access: RegistryAccess, place: Place): Endpoint {
  const { registries, credentials, env, clock, idleTimeout } = access;
  const { registry, host, repository, isMirror } = place;
  const { plainHttp, ca } = registries.get(registry) ?? usual;
  const { origin } = new URL(`${plainHttp ? 'http' : 'https'}://${host}`);
  const asker = { origin, repository, credentials: credentials(registry, repository), clock };
  return {
    origin,
    repository,
    isMirror,
    clock,
    http: createHttp({
      env,
      clock,
      // A mirror that is away must not keep anyone from the registry.
      attempts: isMirror ? 2 : 4,
      around: authorized(asker),
      ...(idleTimeout === undefined ? {} : { idleTimeout }),
      ...(ca === undefined ? {} : { certificates: readText(ca) }),
    }),
  };
}

/** The address of something in the repository: `manifests/1.7`. */
export function addressOf({ origin, repository }: Pick<Endpoint, 'origin' | 'repository'>, path: string): string {
  return `${origin}/v2/${repository}/${path}`;
}
