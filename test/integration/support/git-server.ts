import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join } from 'node:path';

import { temporaryDirectory } from '../../support/archives.ts';
import { close, listen } from './server.ts';

/** A git server on the loopback interface, with git's own program for it. */
export interface GitServer extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  /** The paths that were asked for, with the header of authorization. */
  readonly seen: { readonly path: string; readonly authorization: string | undefined }[];
  /** Makes a repository, or a commit in it: what follows `-> ` is a link. @returns the id of the commit. */
  commit(repository: string, files: Readonly<Record<string, string>>): string;
  /** Where a repository is. */
  directory(repository: string): string;
  /** Runs git in a repository. */
  git(repository: string, ...args: readonly string[]): string;
  /** From now on only who has this header is let in. */
  guard(authorization: string | undefined): void;
  /** From now on it says `to` wherever it would say `from`, which is as long. */
  lie(from: string, to: string): void;
  /** From now on what is asked for below a path is elsewhere: `/moved` at `http://...`. */
  move(path: string, to: string): void;
}

const identity = {
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.org',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
};

export async function startGitServer(): Promise<GitServer> {
  const base = temporaryDirectory();
  const seen: { path: string; authorization: string | undefined }[] = [];
  let wanted: string | undefined;
  let lie: readonly [from: string, to: string] | undefined;
  const moved = new Map<string, string>();
  const server = createServer((request, response) => {
    const { pathname, search } = new URL(request.url ?? '/', 'http://server');
    const { authorization } = request.headers;
    seen.push({ path: pathname, authorization });
    if (wanted !== undefined && authorization !== wanted) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="test"' }).end();
      return;
    }
    const place = [...moved].find(([path]) => pathname.startsWith(`${path}/`));
    if (place !== undefined) {
      response.writeHead(302, { location: `${place[1]}${pathname.slice(place[0].length)}${search}` }).end();
      return;
    }
    const backend = spawn('git', ['http-backend'], {
      env: {
        ...process.env,
        ...identity,
        GIT_PROJECT_ROOT: base.path,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
        PATH_INFO: decodeURIComponent(pathname),
        QUERY_STRING: search.slice(1),
        REQUEST_METHOD: request.method,
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        REMOTE_ADDR: '127.0.0.1',
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    request.pipe(backend.stdin);
    const pieces: Buffer[] = [];
    backend.stdout.on('data', (piece: Buffer) => pieces.push(piece));
    backend.on('close', () => {
      const answer = told(Buffer.concat(pieces), lie);
      const end = answer.indexOf('\r\n\r\n');
      const lines = answer.subarray(0, Math.max(end, 0)).toString().split('\r\n');
      const headers = lines.flatMap((line) => {
        const [name, ...value] = line.split(': ');
        return name === undefined || name === '' ? [] : [[name.toLowerCase(), value.join(': ')] as const];
      });
      const { status = '200', ...others } = Object.fromEntries(headers);
      response.writeHead(Number.parseInt(status, 10), others).end(answer.subarray(end + 4));
    });
  });
  const url = await listen(server);
  const git = (repository: string, ...args: readonly string[]) =>
    execFileSync('git', args, {
      cwd: join(base.path, repository),
      env: { ...process.env, ...identity },
      encoding: 'utf8',
    }).trim();
  return {
    url,
    seen,
    git,
    directory: (repository) => join(base.path, repository),
    guard: (authorization) => {
      wanted = authorization;
    },
    lie: (from, to) => {
      lie = [from, to];
    },
    move: (path, to) => {
      moved.set(path, to);
    },
    commit: (repository, files) => {
      const directory = join(base.path, repository);
      mkdirSync(directory, { recursive: true });
      if (!existsSync(join(directory, '.git'))) git(repository, 'init', '-q', '-b', 'main');
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(directory, path)), { recursive: true });
        if (text.startsWith('-> ')) symlinkSync(text.slice(3), join(directory, path));
        else writeFileSync(join(directory, path), text, { mode: path.endsWith('.sh') ? 0o755 : 0o644 });
      }
      git(repository, 'add', '-A');
      git(repository, 'commit', '-q', '--allow-empty', '-m', 'a change');
      return git(repository, 'rev-parse', 'HEAD');
    },
    async [Symbol.asyncDispose]() {
      await close(server);
      base[Symbol.dispose]();
    },
  };
}

function told(answer: Buffer, lie: readonly [from: string, to: string] | undefined): Buffer {
  if (lie === undefined) return answer;
  return Buffer.from(answer.toString('latin1').replaceAll(...lie), 'latin1');
}
