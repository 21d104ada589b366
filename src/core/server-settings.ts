import { boolean, checked, string } from './yaml/decoder.ts';
import { optional, withDefault } from './yaml/struct.ts';

/** How a server is reached that publishes images. */
export interface ServerSettings {
  /** The path of a file with certificates (PEM) that are accepted of it besides the usual ones. */
  readonly ca?: string;
  /** Whether it is spoken to without encryption: whoever is on the way can then read and change what it says. */
  readonly plainHttp: boolean;
}

const certificates = checked(string, (path) =>
  path.startsWith('/') && !path.split('/').includes('..') ? undefined : 'it takes an absolute path of a file',
);

/** The fields that say it. */
export const serverFields = { ca: optional(certificates), plain_http: withDefault(boolean, false) };

/** What those fields say. */
export function serverSettings(fields: {
  readonly ca: string | undefined;
  readonly plain_http: boolean;
}): ServerSettings {
  const { ca, plain_http: plainHttp } = fields;
  return { plainHttp, ...(ca === undefined ? {} : { ca }) };
}
