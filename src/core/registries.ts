import { serverFields, serverSettings, type ServerSettings } from './server-settings.ts';
import { checked, list, mapOf, mapped, string, type Decoder } from './yaml/decoder.ts';
import { struct, withDefault } from './yaml/struct.ts';
import { quote } from './yaml/text.ts';

/** How one registry is reached. */
export interface RegistrySettings extends ServerSettings {
  /** What is asked before it, in this order: `HOST[:PORT]`, with the beginning of a path where names have one there. */
  readonly mirrors: readonly string[];
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

const registrySettings: Decoder<RegistrySettings> = mapped(
  struct({ mirrors: withDefault(list(mirror), []), ...serverFields }),
  ({ mirrors, ...server }) => ({ mirrors, ...serverSettings(server) }),
);

/** `registries` of the configuration, in the form that docs/publishing.md describes. */
export const registriesSettings: Decoder<Registries> = mapOf(registrySettings, registryHost);
