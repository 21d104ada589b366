import { boolean, checked, mapOf, mapped, string, type Decoder } from './yaml/decoder.ts';
import { optional, struct, withDefault } from './yaml/struct.ts';
import { quote } from './yaml/text.ts';

/** How one web server is reached that publishes images. */
export interface WebServerSettings {
  /** The path of a file with certificates (PEM) that are accepted of it besides the usual ones. */
  readonly ca?: string;
  /** Whether it is spoken to without encryption: whoever is on the way can then read and change what it says. */
  readonly plainHttp: boolean;
}

/** Web servers by `HOST[:PORT]`. */
export type WebServers = ReadonlyMap<string, WebServerSettings>;

const serverHost = checked(string, (name) =>
  /^([a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(:[0-9]{1,5})?$/.test(name)
    ? undefined
    : `${quote(name)} is no server: it is written HOST or HOST:PORT, in lower case`,
);

const certificates = checked(string, (path) =>
  path.startsWith('/') && !path.split('/').includes('..') ? undefined : 'it takes an absolute path of a file',
);

const webServerSettings: Decoder<WebServerSettings> = mapped(
  struct({ ca: optional(certificates), plain_http: withDefault(boolean, false) }),
  ({ ca, plain_http: plainHttp }) => ({ plainHttp, ...(ca === undefined ? {} : { ca }) }),
);

/** `web_servers` of the configuration, in the form that docs/trust.md describes. */
export const webServersSettings: Decoder<WebServers> = mapOf(webServerSettings, serverHost);
