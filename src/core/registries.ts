import { boolean, checked, list, mapOf, mapped, string, type Decoder } from './yaml/decoder.ts';
import { optional, struct, withDefault } from './yaml/struct.ts';
import { quote } from './yaml/text.ts';

/** How one registry is reached. */
export interface RegistrySettings {
  /** What is asked before it, in this order: `HOST[:PORT]`, with the beginning of a path where names have one there. */
  readonly mirrors: readonly string[];
  /** The path of a file with certificates (PEM) that are accepted of it besides the usual ones. */
  readonly ca?: string;
  /** Whether it is spoken to without encryption: whoever is on the way can then read and change what it says. */
  readonly plainHttp: boolean;
}

/** Registries by `HOST[:PORT]`. */
export type Registries = ReadonlyMap<string, RegistrySettings>;

const host = String.raw`([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?`;
const wholeHost = new RegExp(`^${host}$`);
const wholeMirror = new RegExp(`^${host}(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`);

const registryHost = checked(string, (name) =>
  wholeHost.test(name) ? undefined : `${quote(name)} is no registry: it is written HOST or HOST:PORT`,
);

const mirror = checked(string, (name) =>
  wholeMirror.test(name) ? undefined : `${quote(name)} is no mirror: it is written HOST, HOST:PORT or HOST/PATH`,
);

const certificates = checked(string, (path) =>
  path.startsWith('/') && !path.split('/').includes('..') ? undefined : 'it takes an absolute path of a file',
);

const registrySettings: Decoder<RegistrySettings> = mapped(
  struct({
    mirrors: withDefault(list(mirror), []),
    ca: optional(certificates),
    plain_http: withDefault(boolean, false),
  }),
  ({ mirrors, ca, plain_http: plainHttp }) => ({ mirrors, plainHttp, ...(ca === undefined ? {} : { ca }) }),
);

/** `registries` of the configuration, in the form that docs/publishing.md describes. */
export const registriesSettings: Decoder<Registries> = mapOf(registrySettings, registryHost);
