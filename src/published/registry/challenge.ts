/** How a registry wants to be told who asks (RFC 9110 section 11.6.1, and the token protocol of Docker's registry). */
export type Challenge =
  | { readonly scheme: 'basic' }
  | {
      readonly scheme: 'bearer';
      /** Where a token is to be had. */
      readonly realm: string;
      readonly service?: string;
      readonly scope?: string;
    };

const longest = 4096;

/** One piece of the header: a scheme, or a parameter of the scheme before it. */
const piece = /\s*(?:([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))|([\w-]+)(?=\s|,|$))\s*,?/gy;

/** Reads a `WWW-Authenticate` header: the first challenge that we can answer, a token before a password. */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  if (header === undefined || header.length > longest) return undefined;
  const found = challengesIn(header);
  return found.find(({ scheme }) => scheme === 'bearer') ?? found[0];
}

function challengesIn(header: string): Challenge[] {
  const schemes: { readonly scheme: string; readonly parameters: Map<string, string> }[] = [];
  for (const [, name, quoted, bare, scheme] of header.matchAll(piece)) {
    if (scheme !== undefined) schemes.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    else schemes.at(-1)?.parameters.set((name ?? '').toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '');
  }
  return schemes.flatMap(({ scheme, parameters }) => challengeOf(scheme, parameters) ?? []);
}

function challengeOf(scheme: string, parameters: ReadonlyMap<string, string>): Challenge | undefined {
  if (scheme === 'basic') return { scheme };
  const realm = parameters.get('realm');
  if (scheme !== 'bearer' || realm === undefined) return undefined;
  const [service, scope] = [parameters.get('service'), parameters.get('scope')];
  return { scheme, realm, ...(service === undefined ? {} : { service }), ...(scope === undefined ? {} : { scope }) };
}
