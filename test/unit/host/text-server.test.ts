import { statSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';

import { describe, expect, test } from 'vitest';

import { AgentError } from '../../../src/core/errors.ts';
import { answerTo, serveText } from '../../../src/host/text-server.ts';
import { temporaryDirectory } from '../../support/archives.ts';

const page = { path: '/metrics', type: 'text/plain; version=0.0.4', text: () => Promise.resolve('é 1\n') };

interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly body: string;
}

/** Asks as any program does. */
function ask(socketPath: string, method: string, path: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, method, path }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (piece: string) => (body += piece));
      response.on('end', () => {
        resolve({ status: response.statusCode, type: response.headers['content-type'], body });
      });
    });
    asked.on('error', reject).end();
  });
}

describe('the server of one text', () => {
  test('answers who asks for it, and everyone on the host may', async () => {
    using work = temporaryDirectory();
    const path = work.at('run/socket');
    await using _ = await serveText(path, page);

    expect(statSync(path).mode & 0o666).toBe(0o666);
    expect(await ask(path, 'GET', '/metrics')).toEqual({ status: 200, type: page.type, body: 'é 1\n' });
    expect(await ask(path, 'GET', '/metrics?x=1')).toMatchObject({ status: 200 });
    expect(await ask(path, 'HEAD', '/metrics')).toMatchObject({ status: 200, body: '' });
    expect(await ask(path, 'GET', '/')).toMatchObject({ status: 404 });
    expect(await ask(path, 'POST', '/metrics')).toMatchObject({ status: 405 });
  });

  test('takes the place of a socket that a killed process left, and ends in spite of who keeps a connection', async () => {
    using work = temporaryDirectory();
    const path = work.at('socket');
    const killed = await serveText(path, page);
    await using second = await serveText(path, page);
    await killed[Symbol.asyncDispose]();
    const idle = connect(path);
    idle.on('error', () => undefined);

    expect(await ask(path, 'GET', '/metrics').catch(() => ({ status: 0 }))).toBeDefined();
    await second[Symbol.asyncDispose]();
    idle.destroy();
  });

  test('says why there is no text now', async () => {
    const failing = { ...page, text: () => Promise.reject(new AgentError('io', 'the history is damaged')) };

    expect(await answerTo('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n', failing)).toMatch(
      /^HTTP\/1\.1 503 Service Unavailable\r\n.*\r\n\r\nthe history is damaged\n$/s,
    );
  });

  test.each([
    '',
    'GET /metrics HTTP/1.1\r\nHost: x\r\n',
    'hello\r\n\r\n',
    'GET /metrics SPDY/3\r\n\r\n',
    `GET /${'x'.repeat(9000)}`,
  ])('refuses what is no request: %j', async (text) => {
    expect(await answerTo(text, page)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  });
});
