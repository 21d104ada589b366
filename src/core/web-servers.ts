import { serverFields, serverSettings, type ServerSettings } from './server-settings.ts';
import { checked, mapOf, mapped, string, type Decoder } from './yaml/decoder.ts';
import { struct } from './yaml/struct.ts';
import { quote } from './yaml/text.ts';

/** Web servers by `HOST[:PORT]`. */
export type WebServers = ReadonlyMap<string, ServerSettings>;

const serverHost = checked(string, (name) =>
  /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[0-9]{1,5})?$/.test(name)
    ? undefined
    : `${quote(name)} is no server: it is written HOST or HOST:PORT, in lower case`,
);

const webServerSettings: Decoder<ServerSettings> = mapped(struct(serverFields), serverSettings);

/** `web_servers` of the configuration, in the form that docs/trust.md describes. */
export const webServersSettings: Decoder<WebServers> = mapOf(webServerSettings, serverHost);
