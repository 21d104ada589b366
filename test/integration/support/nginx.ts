import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';

import { temporaryDirectory } from '../../support/archives.ts';
import { waitFor } from '../../lab/wait.ts';

/** An nginx on the loopback interface that serves a directory, with and without encryption. */
export interface Nginx extends AsyncDisposable {
  readonly files: string;
  /** `http://127.0.0.1:PORT` */
  readonly http: string;
  /** `https://127.0.0.1:PORT` */
  readonly https: string;
  /** The certificate of it, which nobody else knows. */
  readonly certificate: string;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
  /** Starts it again where it was. */
  start(): Promise<void>;
}

export async function startNginx(): Promise<Nginx> {
  const base = temporaryDirectory();
  const files = base.at('files');
  mkdirSync(files);
  const [certificate, key] = [base.at('cert.pem'), base.at('key.pem')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-nodes', '-keyout', key, '-out', certificate, ...subject], {
    stdio: 'ignore',
  });
  const [plain, encrypted] = [await freePort(), await freePort()];
  writeFileSync(base.at('nginx.conf'), configuration(base.path, files, plain, encrypted));
  const http = `http://127.0.0.1:${plain}`;
  const start = () => startServer(base, http);
  let nginx = await start();
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    const ended = once(nginx, 'exit');
    nginx.kill(signal);
    await ended;
  };
  return {
    files,
    http,
    https: `https://127.0.0.1:${encrypted}`,
    certificate,
    kill: () => end('SIGKILL'),
    start: async () => {
      nginx = await start();
    },
    async [Symbol.asyncDispose]() {
      await end('SIGTERM');
      base[Symbol.dispose]();
    },
  };
}

async function startServer(base: ReturnType<typeof temporaryDirectory>, http: string): Promise<ChildProcess> {
  const nginx = spawn('nginx', ['-p', base.path, '-c', base.at('nginx.conf'), '-e', base.at('error.log')], {
    stdio: 'inherit',
  });
  await waitFor('nginx', async () => {
    if (nginx.exitCode !== null) throw new Error(`nginx ended with ${nginx.exitCode}`);
    return fetch(http).then(
      () => true,
      () => undefined,
    );
  });
  return nginx;
}

function configuration(base: string, files: string, plain: number, encrypted: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(base, kind)};`)
    .join(' ');
  return `daemon off; master_process off; worker_processes 1; pid ${base}/pid; error_log ${base}/error.log;
events { worker_connections 64; }
http {
  access_log off; ${temporary}
  server {
    listen 127.0.0.1:${plain};
    listen 127.0.0.1:${encrypted} ssl;
    ssl_certificate ${base}/cert.pem; ssl_certificate_key ${base}/key.pem;
    root ${files};
    rewrite ^/moved/(.*)$ /flatcar/jq/$1 redirect;
    location ~ ^/s3/.*\\.(gpg|asc)$ { return 403; }
  }
}
`;
}

/** A port of the loopback interface that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
