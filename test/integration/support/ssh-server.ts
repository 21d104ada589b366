import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';

import { temporaryDirectory } from '../../support/archives.ts';
import { freePort } from './nginx.ts';

/** A server of ssh on the loopback interface that lets nobody in. */
export interface SshServer extends AsyncDisposable {
  readonly port: number;
  /** What a file of known hosts has of it. */
  readonly known: string;
}

export async function startSshServer(): Promise<SshServer> {
  const work = temporaryDirectory();
  const making = ['-t', 'ed25519', '-f', work.at('key')];
  const said = execFileSync('dropbearkey', making, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  const [key = ''] = /^ssh-ed25519 \S+/m.exec(said) ?? [];
  const port = await freePort();
  const options = ['-F', '-E', '-r', work.at('key'), '-P', work.at('pid'), '-p', `127.0.0.1:${port}`];
  const server = spawn('dropbear', options, { stdio: ['ignore', 'ignore', 'pipe'] });
  await once(server.stderr, 'data');
  server.stderr.resume();
  return {
    port,
    known: `[127.0.0.1]:${port} ${key}\n`,
    async [Symbol.asyncDispose]() {
      server.kill();
      await once(server, 'close');
      work[Symbol.dispose]();
    },
  };
}
