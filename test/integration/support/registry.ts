import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';

import { temporaryDirectory } from '../../support/archives.ts';
import { waitFor } from '../../lab/wait.ts';
import { freePort } from './nginx.ts';

export interface RegistryOptions {
  /** Whether it is encrypted, with a certificate that nobody else knows, and wants a user and a password. */
  readonly guarded: boolean;
}

/** A docker-registry on the loopback interface. */
export interface RunningRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** The path of its certificate, where it is encrypted. */
  readonly certificate: string;
  readonly user: { readonly name: string; readonly password: string };
}

const user = { name: 'me', password: 'secret' };
/** That of the password, as htpasswd(1) with -B makes it. */
const hash = '$2b$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW';

export async function startRegistry({ guarded }: RegistryOptions): Promise<RunningRegistry> {
  const base = temporaryDirectory();
  const host = `127.0.0.1:${await freePort()}`;
  const [certificate, key] = [base.at('cert.pem'), base.at('key.pem')];
  if (guarded) makeCertificate(certificate, key);
  writeFileSync(base.at('htpasswd'), `${user.name}:${hash}\n`);
  const configuration = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: base.at('storage') }, delete: { enabled: true } },
    http: { addr: host, ...(guarded ? { tls: { certificate, key } } : {}) },
    ...(guarded ? { auth: { htpasswd: { realm: 'test', path: base.at('htpasswd') } } } : {}),
  };
  // What is JSON is YAML as well.
  writeFileSync(base.at('config.yml'), JSON.stringify(configuration));
  const registry = spawn('docker-registry', ['serve', base.at('config.yml')], { stdio: 'ignore' });
  await waitFor('docker-registry', async () => {
    if (registry.exitCode !== null) throw new Error(`docker-registry ended with ${registry.exitCode}`);
    // An answer in plain text is one, too: it says that encryption is wanted.
    return fetch(`http://${host}/v2/`).then(
      () => true,
      () => undefined,
    );
  });
  return {
    host,
    certificate,
    user,
    async [Symbol.asyncDispose]() {
      const ended = once(registry, 'exit');
      registry.kill('SIGTERM');
      await ended;
      base[Symbol.dispose]();
    },
  };
}

function makeCertificate(certificate: string, key: string): void {
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-nodes', '-keyout', key, '-out', certificate, ...subject], {
    stdio: 'ignore',
  });
}
