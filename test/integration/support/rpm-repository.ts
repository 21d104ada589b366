import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { gunzipSync, zstdCompressSync } from 'node:zlib';

import type { RpmRepository } from '../../../src/builder/targets/target.ts';
import type { SigningKey } from './repository.ts';
import { serveFiles, type FileServer } from './server.ts';

export interface RpmOptions {
  readonly name: string;
  readonly version: string;
  readonly release?: string;
  readonly epoch?: number;
  /** `x86_64` where nothing is said. */
  readonly arch?: 'noarch' | 'x86_64';
  /** More lines of the preamble: `Provides: editor = 2`. */
  readonly preamble?: readonly string[];
  /** Shell lines that fill the tree, which begins where they run; `/usr/bin/NAME` where nothing is said. */
  readonly install?: readonly string[];
  /** The lines of %files. */
  readonly files?: readonly string[];
  /** How the payload is packed, as rpm's %_binary_payload says it: `w19.zstdio`. */
  readonly payload?: string;
  /** The key that signs the package; left out, nobody does. */
  readonly key?: SigningKey;
}

/** Builds an rpm package with rpmbuild, and returns its path in `directory`. */
export function makeRpm(directory: string, options: RpmOptions): string {
  const { name, version, release = '1', arch = 'x86_64', payload = 'w6.gzdio' } = options;
  const top = mkdtempSync(join(directory, '.rpmbuild-'));
  writeFileSync(join(top, 'package.spec'), specOf(options, release));
  const defines = [`_topdir ${top}`, `_binary_payload ${payload}`, `_rpmdir ${top}/out`];
  const args = [...defines.flatMap((define) => ['--define', define]), '--target', arch, '-bb', 'package.spec'];
  execFileSync('rpmbuild', ['--quiet', '--nodeps', ...args], { cwd: top, stdio: 'pipe' });
  const path = join(directory, `${name}-${version}-${release}.${arch}.${mkdtempSync(join(top, 'n-')).slice(-6)}.rpm`);
  const [built = ''] = readdirSync(join(top, 'out', arch));
  copyFileSync(join(top, 'out', arch, built), path);
  rmSync(top, { recursive: true });
  if (options.key !== undefined) signRpms([path], options.key);
  return path;
}

function specOf(options: RpmOptions, release: string): string {
  const { name, version, epoch, preamble = [], arch } = options;
  const install = options.install ?? ['mkdir -p usr/bin', `echo ${name}-${version} > usr/bin/${name}`];
  return [
    ...[`Name: ${name}`, `Version: ${version}`, `Release: ${release}`, 'Summary: made for a test', 'License: MIT'],
    ...(epoch === undefined ? [] : [`Epoch: ${epoch}`]),
    ...(arch === 'noarch' ? ['BuildArch: noarch'] : []),
    ...['AutoReqProv: no', ...preamble, '%description', 'made for a test', '%install'],
    ...['mkdir -p %{buildroot}', 'cd %{buildroot}', ...install],
    ...['%files', '%defattr(-,root,root)', ...(options.files ?? [`/usr/bin/${name}`]), ''],
  ].join('\n');
}

/** Signs rpm packages, which have had no signature. */
export function signRpms(paths: readonly string[], key: SigningKey): void {
  const defines = [`_gpg_name ${key.fingerprint}`, `_gpg_path ${key.home}`, `__gpg /usr/bin/gpg`];
  execFileSync('rpmsign', [...defines.flatMap((define) => ['--define', define]), '--addsign', ...paths], {
    stdio: 'pipe',
  });
}

export interface PublishOptions {
  /** How the lists are packed. */
  readonly compression?: 'gz' | 'xz' | 'zstd' | 'bz2';
  /** Who signs repomd.xml; left out, nobody does. */
  readonly key?: SigningKey;
}

/** An rpm repository on the loopback interface, made by createrepo_c. */
export interface TestRpmRepository {
  readonly uri: string;
  readonly directory: string;
  readonly server: FileServer;
  /** How a target names it: signed package lists, and packages that are not. */
  readonly repository: RpmRepository;
  /** Makes it a repository of these packages, whatever it was. */
  publish(rpms: readonly string[], options?: PublishOptions): void;
  close(): Promise<void>;
}

export async function makeRpmRepository(
  rpms: readonly string[],
  key: SigningKey,
  options: PublishOptions = { key },
): Promise<TestRpmRepository> {
  const directory = mkdtempSync(join(tmpdir(), 'rpm-repository-'));
  const server = await serveFiles(directory);
  const publish: TestRpmRepository['publish'] = (packages, how = { key }) => {
    publishInto(directory, packages, how);
  };
  publish(rpms, options);
  return {
    uri: server.uri,
    directory,
    server,
    repository: { family: 'rpm', baseurl: [server.uri], gpgcheck: false, repoGpgcheck: true, keys: [key.keyFile] },
    publish,
    close: async () => {
      await server.close();
      rmSync(directory, { recursive: true });
    },
  };
}

function publishInto(directory: string, rpms: readonly string[], { compression = 'gz', key }: PublishOptions): void {
  for (const name of ['Packages', 'repodata']) rmSync(join(directory, name), { recursive: true, force: true });
  mkdirSync(join(directory, 'Packages'));
  for (const rpm of rpms) copyFileSync(rpm, join(directory, 'Packages', basename(rpm)));
  const lists = ['--no-database', '--general-compress-type', compression === 'zstd' ? 'gz' : compression];
  execFileSync('createrepo_c', ['--quiet', ...lists, directory], { stdio: 'pipe' });
  if (compression === 'zstd') repackPrimary(join(directory, 'repodata'));
  if (key !== undefined) key.signBeside(join(directory, 'repodata/repomd.xml'));
}

/** Packs primary.xml with zstd, which createrepo_c cannot before 1.0: the same lists as newer ones make. */
function repackPrimary(repodata: string): void {
  const packed = readdirSync(repodata).find((name) => name.endsWith('-primary.xml.gz')) ?? '';
  const before = readFileSync(join(repodata, packed));
  const after = zstdCompressSync(gunzipSync(before));
  const [oldSum, newSum] = [before, after].map((bytes) => createHash('sha256').update(bytes).digest('hex'));
  const name = `${newSum}-primary.xml.zst`;
  writeFileSync(join(repodata, name), after);
  const repomd = readFileSync(join(repodata, 'repomd.xml'), 'utf8')
    .replace(packed, name)
    .replace(`>${oldSum}<`, `>${newSum}<`)
    .replace(`<size>${before.length}</size>`, `<size>${after.length}</size>`);
  writeFileSync(join(repodata, 'repomd.xml'), repomd);
}
