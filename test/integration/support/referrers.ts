import { createServer, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';

import { indexType } from '../../../src/published/registry/manifest.ts';
import { close, listen } from './server.ts';

/** A registry with the referrers API: docker-registry 2.8 has none, so this stands before one and adds it. */
export interface ReferrersRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** Says from now on that a manifest refers to this digest. */
  refer(digest: string, descriptor: object): void;
}

export async function withReferrers(registry: string): Promise<ReferrersRegistry> {
  const referrers = new Map<string, object[]>();
  const server = createServer((request, response) => {
    const [, digest] = /\/referrers\/(sha256:[0-9a-f]{64})$/.exec(request.url ?? '') ?? [];
    if (digest === undefined) {
      forward(registry, request, response);
      return;
    }
    const manifests = referrers.get(digest) ?? [];
    response.setHeader('content-type', indexType);
    response.end(JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests }));
  });
  const uri = await listen(server);
  return {
    host: new URL(uri).host,
    refer: (digest, descriptor) => {
      referrers.set(digest, [...(referrers.get(digest) ?? []), descriptor]);
    },
    [Symbol.asyncDispose]: () => close(server),
  };
}

function forward(registry: string, request: IncomingMessage, response: ServerResponse): void {
  const { method, headers, url = '/' } = request;
  const onward = ask(`http://${registry}${url}`, { method, headers: { ...headers, host: registry } }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  request.pipe(onward);
}
