import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

import { execa } from 'execa';

import { hostApt } from '../lab/apt.ts';

/** A source archive as its author released it. */
export interface SourceArchive {
  readonly fileName: string;
  readonly bytes: Buffer;
  readonly sha256: string;
}

const suite = 'trixie';

/** Finds archives in Debian's source packages, at the mirror of this host. */
export async function debianSources(): Promise<(pkg: string) => Promise<SourceArchive>> {
  const { mirror } = await hostApt();
  const paragraphs = await paragraphsOf(`${mirror}/dists/${suite}/main/source/Sources.xz`);
  return async (pkg) => {
    const paragraph = paragraphs.get(pkg) ?? '';
    const directory = /^Directory: (.*)$/m.exec(paragraph)?.[1];
    const sums = paragraph.slice(paragraph.indexOf('Checksums-Sha256:'));
    const [, promised, fileName] = /^ ([0-9a-f]{64}) \d+ (\S+\.orig\.tar\.[a-z0-9]+)$/m.exec(sums) ?? [];
    if (directory === undefined || promised === undefined || fileName === undefined)
      throw new Error(`${suite} has no source package ${pkg}`);
    return verified(`${mirror}/${directory}/${fileName}`, promised);
  };
}

/** The wheels that Debian's packages have for pip, from the mirror of this host. */
export async function debianWheels(...pkgs: readonly string[]): Promise<readonly SourceArchive[]> {
  const { mirror } = await hostApt();
  const paragraphs = await paragraphsOf(`${mirror}/dists/${suite}/main/binary-amd64/Packages.xz`);
  const wheels = pkgs.map(async (pkg) => {
    const paragraph = paragraphs.get(pkg) ?? '';
    const [path, promised] = ['Filename', 'SHA256'].map(
      (name) => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1],
    );
    const { bytes: deb } = await verified(`${mirror}/${path}`, promised ?? '');
    return wheelOf(deb);
  });
  return Promise.all(wheels);
}

async function wheelOf(deb: Buffer): Promise<SourceArchive> {
  const work = fs.mkdtempSync(join(tmpdir(), 'wheels-'));
  try {
    fs.writeFileSync(join(work, 'package.deb'), deb);
    await execa('dpkg-deb', ['--extract', 'package.deb', '.'], { cwd: work });
    const directory = join(work, 'usr/share/python-wheels');
    const [fileName = ''] = fs.readdirSync(directory);
    const bytes = fs.readFileSync(join(directory, fileName));
    return { fileName, bytes, sha256: sha256Of(bytes) };
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** The paragraphs of an index, by the names of their packages. */
async function paragraphsOf(url: string): Promise<ReadonlyMap<string | undefined, string>> {
  const { stdout } = await execa('xz', ['--decompress', '--stdout'], {
    input: await fetched(url),
    maxBuffer: 512 * 1024 ** 2,
  });
  return new Map(stdout.split('\n\n').map((text) => [/^Package: (.*)$/m.exec(text)?.[1], text] as const));
}

async function verified(url: string, promised: string): Promise<SourceArchive> {
  const bytes = await fetched(url);
  const [fileName, sha256] = [basename(url), sha256Of(bytes)];
  if (sha256 !== promised) throw new Error(`${fileName} has another sha256 than the index says`);
  return { fileName, bytes, sha256 };
}

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function fetched(url: string): Promise<Buffer> {
  const { stdout } = await execa('curl', ['--fail', '--silent', '--show-error', '--location', url], {
    encoding: 'buffer',
    maxBuffer: 512 * 1024 ** 2,
  });
  return Buffer.from(stdout);
}
