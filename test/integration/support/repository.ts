import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

import type { DebRepository } from '../../../src/builder/targets/target.ts';
import { serveFiles, type FileServer } from './server.ts';

export interface DebOptions {
  readonly name: string;
  readonly version: string;
  /** `all` where nothing is said. */
  readonly architecture?: string;
  /** More fields of the control file: `{ Provides: 'editor (= 2)' }`. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Contents by their paths: `{ 'usr/bin/hello': '#!/bin/sh\n' }`; those below a `bin` directory can be executed. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Builds a Debian package with dpkg-deb in `directory`, and returns its path. */
export function makeDeb(directory: string, options: DebOptions): string {
  const { name, version, architecture = 'all', fields = {}, files = {} } = options;
  const tree = mkdtempSync(join(directory, '.tree-'));
  const control = { Package: name, Version: version, Architecture: architecture, ...packaging, ...fields };
  const lines = Object.entries(control).map(([field, value]) => `${field}: ${value}\n`);
  put(join(tree, 'DEBIAN/control'), lines.join(''));
  for (const [path, content] of Object.entries(files))
    put(join(tree, path), content, /(?:^|\/)s?bin\//.test(path) ? 0o755 : 0o644);
  const path = join(directory, `${name}_${version.replace(/^\d+:/, '')}_${architecture}.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '--build', tree, path], { stdio: 'pipe' });
  rmSync(tree, { recursive: true });
  return path;
}

const packaging = { Maintainer: 'Tests <tests@example.org>', Description: 'made for a test' };

function put(path: string, content: string | Uint8Array, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content, { mode });
}

/** A key that signs archives, made for one test run. */
export interface SigningKey {
  readonly fingerprint: string;
  /** The public key in the binary form. */
  readonly keyFile: string;
  readonly armoredKeyFile: string;
  /** The home directory of gpg with the secret key. */
  readonly home: string;
  /** Signs a file, armored, in a file beside it: `NAME.asc`. */
  signBeside(path: string): void;
  /** Signs a text in clear. */
  sign(text: string): string;
  /** Ends the agent of gpg and removes the secret key. */
  discard(): void;
}

/** Makes an OpenPGP key with gpg, in a home directory of its own; the public key files go to `directory`. */
export function makeSigningKey(directory: string, name = 'archive'): SigningKey {
  const home = mkdtempSync(join(tmpdir(), `gnupg-${name}-`));
  const gpg = (args: readonly string[], input = '') =>
    execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', '--pinentry-mode', 'loopback', ...args], {
      input,
      stdio: 'pipe',
    });
  gpg(['--passphrase', '', '--quick-generate-key', `${name} <${name}@example.org>`, 'ed25519', 'sign', 'never']);
  const keyFile = join(directory, `${name}.gpg`);
  const armoredKeyFile = join(directory, `${name}.asc`);
  put(keyFile, gpg(['--export']));
  put(armoredKeyFile, gpg(['--armor', '--export']));
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(gpg(['--with-colons', '--list-keys']).toString())?.[1] ?? '';
  return {
    fingerprint,
    keyFile,
    armoredKeyFile,
    home,
    signBeside: (path) => gpg(['--yes', '--armor', '--detach-sign', path]),
    sign: (text) => gpg(['--clearsign'], text).toString(),
    discard: () => {
      execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
      // The agent removes its sockets while it ends, and a file that vanishes ends rmSync early.
      while (existsSync(home)) rmSync(home, { recursive: true, force: true });
    },
  };
}

export interface SuiteOptions {
  readonly suite?: string;
  readonly component?: string;
  /** Whose index the packages are in. */
  readonly architecture?: string;
  /** How the index is offered beside the plain form. */
  readonly compressions?: readonly ('gz' | 'xz')[];
  readonly byHash?: boolean;
  /** When the Release file says it was made; now. */
  readonly date?: Date;
  readonly validUntil?: Date;
  /** More fields of the Release file, or other values of those it has. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly key?: SigningKey;
}

/** A Debian repository on the loopback interface, made by apt-ftparchive and signed by gpg. */
export interface TestRepository {
  readonly uri: string;
  readonly directory: string;
  readonly key: SigningKey;
  readonly keyFile: string;
  readonly server: FileServer;
  /** How a target names it. */
  readonly repository: DebRepository;
  /** Writes a suite with these packages, replacing what the suite had. */
  publish(debs: readonly string[], options?: SuiteOptions): void;
  close(): Promise<void>;
}

/** Makes a repository whose suite `stable` has these packages. */
export async function makeRepository(debs: readonly string[], options: SuiteOptions = {}): Promise<TestRepository> {
  const directory = mkdtempSync(join(tmpdir(), 'repository-'));
  const key = options.key ?? makeSigningKey(directory);
  const server = await serveFiles(directory);
  const publish: TestRepository['publish'] = (packages, more = {}) => {
    publishSuite(directory, packages, { key, ...options, ...more });
  };
  publish(debs);
  const { suite = 'stable', component = 'main' } = options;
  return {
    uri: server.uri,
    directory,
    key,
    keyFile: key.keyFile,
    server,
    repository: {
      family: 'deb',
      uri: server.uri,
      suites: [suite],
      components: [component],
      keys: [key.keyFile],
      checkValidUntil: true,
      checkDate: true,
    },
    publish,
    close: async () => {
      await server.close();
      if (options.key === undefined) key.discard();
      rmSync(directory, { recursive: true });
    },
  };
}

function publishSuite(directory: string, debs: readonly string[], options: SuiteOptions & { key: SigningKey }): void {
  const { suite = 'stable', component = 'main', architecture = 'amd64', key, byHash = true } = options;
  const pool = join(directory, 'pool', suite);
  mkdirSync(pool, { recursive: true });
  for (const deb of debs) copyFileSync(deb, join(pool, basename(deb)));
  const index = join(directory, 'dists', suite, component, `binary-${architecture}`, 'Packages');
  put(index, debs.length === 0 ? '' : packagesOf(directory, suite, debs));
  for (const compression of options.compressions ?? ['gz'])
    put(`${index}.${compression}`, compress(compression, index));
  signSuite(join(directory, 'dists', suite), key, {
    Origin: 'Tests',
    Suite: suite,
    Codename: `${suite}-codename`,
    Architectures: 'amd64 arm64 all',
    Components: component,
    'No-Support-for-Architecture-all': 'Packages',
    ...(byHash ? { 'Acquire-By-Hash': 'yes' } : {}),
    Date: (options.date ?? new Date()).toUTCString(),
    ...(options.validUntil === undefined ? {} : { 'Valid-Until': options.validUntil.toUTCString() }),
    ...options.fields,
  });
  if (byHash) putByHash(dirname(index));
}

/** The index of just these packages, with paths as they are seen from the root of the repository. */
function packagesOf(directory: string, suite: string, debs: readonly string[]): Buffer {
  const stage = mkdtempSync(join(directory, '.stage-'));
  for (const deb of debs) cpSync(deb, join(stage, 'pool', suite, basename(deb)));
  const packages = execFileSync('apt-ftparchive', ['packages', 'pool'], { cwd: stage, stdio: 'pipe' });
  rmSync(stage, { recursive: true });
  return packages;
}

function compress(compression: 'gz' | 'xz', path: string): Buffer {
  return execFileSync(compression === 'gz' ? 'gzip' : 'xz', ['-c', path]);
}

function signSuite(directory: string, key: SigningKey, fields: Readonly<Record<string, string>>): void {
  for (const stale of ['Release', 'InRelease']) rmSync(join(directory, stale), { force: true });
  const generated = execFileSync('apt-ftparchive', ['release', '.'], { cwd: directory, stdio: 'pipe' }).toString();
  const tables = generated.slice(generated.search(/^MD5Sum:/m));
  const release =
    Object.entries(fields)
      .map(([name, value]) => `${name}: ${value}\n`)
      .join('') + tables;
  put(join(directory, 'Release'), release);
  put(join(directory, 'InRelease'), key.sign(release));
}

function putByHash(directory: string): void {
  for (const name of ['Packages', 'Packages.gz', 'Packages.xz']) {
    const content = readIfAny(join(directory, name));
    if (content === undefined) continue;
    put(join(directory, 'by-hash/SHA256', createHash('sha256').update(content).digest('hex')), content);
  }
}

function readIfAny(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}
