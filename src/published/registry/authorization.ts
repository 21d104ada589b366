import { AgentError } from '../../core/errors.ts';
import { decodeJson, jsonCount, jsonMatch, jsonOptional, jsonStruct } from '../../core/json.ts';
import type { Clock } from '../../host/clock.ts';
import { bodyOf, requireStatus, shown, type HttpAnswer, type HttpRequest, type Send } from '../../host/http.ts';
import { parseChallenge, type Challenge } from './challenge.ts';
import type { Credentials } from './credentials.ts';

/** Who asks a registry for what. */
export interface Asker {
  /** The scheme, host and port of the registry: nothing else is told who asks. */
  readonly origin: string;
  /** As the registry has it: without host. */
  readonly repository: string;
  readonly credentials: Credentials | undefined;
  readonly clock: Clock;
}

interface Held {
  readonly header: string;
  /** By the clock's monotonic time, in milliseconds. */
  readonly until: number;
}

/**
 * Sends requests to a registry and tells it who asks, once it wants to know: by a password, or by a token that another
 * server gives for the password. Tokens are kept for what they are good for, as long as they are.
 */
export function authorized(asker: Asker): (send: Send) => Send {
  const held = new Map<string, Held>();
  return (send) =>
    async (url, request = {}) => {
      if (new URL(url).origin !== asker.origin) return send(url, request);
      const scope = scopeOf(asker.repository, url, request);
      const known = held.get(scope);
      const isGood = known !== undefined && known.until > asker.clock.monotonic();
      const first = await send(url, isGood ? withHeader(request, known.header) : request);
      if (!isRefusal(first, asker.origin)) return first;
      first.body.destroy();
      const challenge = first.status === 401 ? parseChallenge(first.headers['www-authenticate']) : undefined;
      const fresh = challenge && (await answerTo(challenge, scope, asker, send, request.signal));
      if (fresh === undefined) throw refused(asker, first.status);
      held.set(scope, fresh);
      const second = await send(url, withHeader(request, fresh.header));
      if (!isRefusal(second, asker.origin)) return second;
      second.body.destroy();
      throw refused(asker, second.status);
    };
}

/** What another server says, to which the registry led, is not about who asks. */
function isRefusal({ status, url }: HttpAnswer, origin: string): boolean {
  return (status === 401 || status === 403) && new URL(url).origin === origin;
}

function withHeader(request: HttpRequest, authorization: string): HttpRequest {
  return { ...request, headers: { ...request.headers, authorization } };
}

/** What a request needs to be allowed to do; one that takes a blob from another repository must read that as well. */
function scopeOf(repository: string, url: string, { method = 'GET' }: HttpRequest): string {
  const actions = method === 'GET' || method === 'HEAD' ? 'pull' : method === 'DELETE' ? 'delete' : 'pull,push';
  const from = new URL(url).searchParams.get('from');
  return [`repository:${repository}:${actions}`, ...(from === null ? [] : [`repository:${from}:pull`])].join(' ');
}

/** Says that a registry does not let us, and how to tell it who we are. */
function refused({ origin, repository, credentials }: Asker, status: number): AgentError {
  const host = new URL(origin).host;
  return new AgentError('network', `${host} refuses access to ${repository}: it answered ${status}`, {
    next:
      credentials === undefined
        ? `Check its name. Where it needs a user and a password: \`skopeo login ${host}\`, or a file that REGISTRY_AUTH_FILE names.`
        : 'Check its name, the user and the password that are kept for it, and what that user may do.',
  });
}

async function answerTo(
  challenge: Challenge,
  scope: string,
  asker: Asker,
  send: Send,
  signal: AbortSignal | undefined,
): Promise<Held | undefined> {
  const { credentials, clock } = asker;
  if (challenge.scheme === 'bearer') return tokenFor(challenge, scope, asker, send, signal);
  if (credentials?.kind !== 'password') return undefined;
  return { header: basic(credentials), until: clock.monotonic() + 3600_000 };
}

function basic({ user, password }: Extract<Credentials, { kind: 'password' }>): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

const tokenText = jsonOptional(jsonMatch(/^[\x21-\x7e]+$/, 'a token', 65_536), undefined);
const tokenAnswer = jsonStruct({
  token: tokenText,
  access_token: tokenText,
  expires_in: jsonOptional(jsonCount, 60),
});

/** A day at most: a clock of ours decides, not the server. */
const longestSeconds = 86_400;
/** A token ends on the way otherwise. */
const reserveSeconds = 5;

async function tokenFor(
  challenge: Extract<Challenge, { scheme: 'bearer' }>,
  scope: string,
  asker: Asker,
  send: Send,
  signal: AbortSignal | undefined,
): Promise<Held> {
  const realm = realmOf(challenge.realm, asker.origin);
  const { url, request } = tokenRequest(realm, challenge.service, scope, asker.credentials);
  const answer = await send(url, { ...request, ...(signal === undefined ? {} : { signal }) });
  if ([400, 401, 403].includes(answer.status)) {
    answer.body.destroy();
    throw refused(asker, answer.status);
  }
  requireStatus(answer, 200);
  const body = await bodyOf(answer, {
    maxSize: 256 * 1024,
    clock: asker.clock,
    ...(signal === undefined ? {} : { signal }),
  });
  const decoded = decodeJson(body.toString('utf8'), tokenAnswer);
  const token = 'value' in decoded ? (decoded.value.token ?? decoded.value.access_token) : undefined;
  if (!('value' in decoded) || token === undefined) {
    throw new AgentError('network', `${shown(url)} answered with what is no token`);
  }
  const seconds = Math.min(decoded.value.expires_in, longestSeconds) - reserveSeconds;
  return { header: `Bearer ${token}`, until: asker.clock.monotonic() + seconds * 1000 };
}

/**
 * Where a token is to be had. It gets the password: so it has to be encrypted where the registry is.
 * @throws AgentError `network`
 */
function realmOf(realm: string, origin: string): URL {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  const allowed = origin.startsWith('http://') ? ['https:', 'http:'] : ['https:'];
  const isFit = url !== undefined && allowed.includes(url.protocol) && url.username === '' && url.password === '';
  if (isFit) return url;
  throw new AgentError('network', `${new URL(origin).host} names no https address to get a token from`);
}

function tokenRequest(
  realm: URL,
  service: string | undefined,
  scope: string,
  credentials: Credentials | undefined,
): { readonly url: string; readonly request: HttpRequest } {
  const said = service === undefined ? {} : { service };
  if (credentials?.kind === 'identity') {
    const form = {
      ...said,
      scope,
      grant_type: 'refresh_token',
      client_id: 'sysext-agent',
      refresh_token: credentials.token,
    };
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { url: realm.href, request: { method: 'POST', headers, body: new URLSearchParams(form).toString() } };
  }
  for (const [name, value] of Object.entries(said)) realm.searchParams.set(name, value);
  for (const one of scope.split(' ')) realm.searchParams.append('scope', one);
  const headers = credentials === undefined ? {} : { authorization: basic(credentials) };
  return { url: realm.href, request: { headers } };
}
