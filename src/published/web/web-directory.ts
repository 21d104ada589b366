import { AgentError, isAgentError } from '../../core/errors.ts';
import { placeOfReference } from '../../core/image-reference.ts';
import type { ServerSettings } from '../../core/server-settings.ts';
import { readText } from '../../host/files.ts';
import { createHttp, type HttpSettings } from '../../host/http.ts';
import type { ListedDirectory } from './directory.ts';

/** The address of a file in the directory of an address. */
export function addressIn(address: string, file: string): string {
  return new URL(encodeURIComponent(file), new URL('.', address)).href;
}

/**
 * The directory of an address on a web server: the address itself where it ends with /, else the one that its file is in.
 * @param settings how servers are spoken to in general.
 * @throws AgentError `invalid-config` for plain http where the settings do not allow it, `no-such-file` where the
 * certificates are not there that they name.
 */
export function webDirectory(
  address: string,
  settings: HttpSettings,
  server: ServerSettings | undefined,
): ListedDirectory {
  const base = new URL('.', address);
  if (base.protocol === 'http:' && server?.plainHttp !== true) throw refusedHttp(base);
  const http = createHttp(server?.ca === undefined ? settings : { ...settings, certificates: readText(server.ca) });
  const addressOf = (file: string) => addressIn(address, file);
  return {
    place: placeOfReference({ kind: 'https', text: address }),
    nameOf: addressOf,
    read: async (file, maxSize, signal) => {
      try {
        const answer = await http.get(addressOf(file), { maxSize, ...(signal === undefined ? {} : { signal }) });
        return answer.kind === 'content' ? answer.body : undefined;
      } catch (error) {
        if (isAgentError(error, 'no-such-file')) return undefined;
        throw error;
      }
    },
    // What follows the ? of a single file, such as a token, is for that file alone.
    fetch: (file, wanted, options) => {
      const own = addressOf(file);
      return http.download(own + (address.startsWith(`${own}?`) ? new URL(address).search : ''), wanted, options);
    },
  };
}

function refusedHttp({ href, host }: URL): AgentError {
  return new AgentError('invalid-config', `${href} is not encrypted: what comes by http could have been changed`, {
    left: 'Nothing was fetched or changed.',
    next: `Use https; or write into /etc/sysext-agent/agent.yml that this server may be spoken to so: web_servers: {"${host}": {plain_http: true}}`,
  });
}
