import { checked, string, type Decoder } from './yaml/decoder.ts';
import { required, struct, withDefault } from './yaml/struct.ts';
import { quote } from './yaml/text.ts';

/** A server that lets only so many hosts of a group change at a time, and which group this host is in. */
export interface FleetLockSettings {
  readonly url: string;
  readonly group: string;
}

const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** What is wrong with the address of a FleetLock server. */
function problemOfUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' && url?.protocol !== 'http:') return `${quote(text)} is no https address`;
  if (url.protocol === 'http:' && !loopback.test(url.hostname)) return 'http is for servers on this host: use https';
  if (url.username !== '' || url.password !== '') return 'everyone can read this file: no user and password here';
  return url.search === '' && url.hash === ''
    ? undefined
    : 'the paths of the protocol follow it: no query, no fragment';
}

const url = checked(string, problemOfUrl);

/** Of the protocol: what a server may refuse. */
const group = checked(string, (name) =>
  /^[a-zA-Z0-9.-]+$/.test(name) ? undefined : `${quote(name)} is no group: letters, digits, dots and dashes make one`,
);

export const fleetLockSettings: Decoder<FleetLockSettings> = struct({
  url: required(url),
  group: withDefault(group, 'default'),
});
