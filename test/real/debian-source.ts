import { createHash } from 'node:crypto';

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
  const { stdout: index } = await execa('xz', ['--decompress', '--stdout'], {
    input: await fetched(`${mirror}/dists/${suite}/main/source/Sources.xz`),
    maxBuffer: 512 * 1024 ** 2,
  });
  const paragraphs = new Map(index.split('\n\n').map((text) => [/^Package: (.*)$/m.exec(text)?.[1], text] as const));
  return async (pkg) => {
    const paragraph = paragraphs.get(pkg) ?? '';
    const directory = /^Directory: (.*)$/m.exec(paragraph)?.[1];
    const sums = paragraph.slice(paragraph.indexOf('Checksums-Sha256:'));
    const [, promised, fileName] = /^ ([0-9a-f]{64}) \d+ (\S+\.orig\.tar\.[a-z0-9]+)$/m.exec(sums) ?? [];
    if (directory === undefined || promised === undefined || fileName === undefined)
      throw new Error(`${suite} has no source package ${pkg}`);
    const bytes = await fetched(`${mirror}/${directory}/${fileName}`);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    if (sha256 !== promised) throw new Error(`${fileName} has another sha256 than the index says`);
    return { fileName, bytes, sha256 };
  };
}

async function fetched(url: string): Promise<Buffer> {
  const { stdout } = await execa('curl', ['--fail', '--silent', '--show-error', '--location', url], {
    encoding: 'buffer',
    maxBuffer: 512 * 1024 ** 2,
  });
  return Buffer.from(stdout);
}
