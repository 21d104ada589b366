import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { execa } from 'execa';

import type { SourceArchive } from './debian-source.ts';

export interface GoModule {
  readonly path: string;
  readonly version: string;
  readonly source: SourceArchive;
}

/** The files of a module proxy (GOPROXY protocol, go.dev/ref/mod) that has one module, by their paths. */
export async function moduleFiles({ path, version, source }: GoModule): Promise<ReadonlyMap<string, Buffer>> {
  const work = fs.mkdtempSync(join(tmpdir(), 'go-module-'));
  try {
    const name = `${path}@${version}`;
    const tree = join(work, name);
    fs.mkdirSync(tree, { recursive: true });
    await execa('tar', ['--extract', '--gzip', '--strip-components=1', `--directory=${tree}`], { input: source.bytes });
    const modFile = join(tree, 'go.mod');
    const mod = fs.existsSync(modFile) ? fs.readFileSync(modFile) : Buffer.from(`module ${path}\n`);
    await execa('zip', ['--quiet', '--recurse-paths', join(work, 'module.zip'), name], { cwd: work });
    const at = (ending: string) => `/${path}/@v/${version}.${ending}`;
    return new Map([
      [at('info'), Buffer.from(JSON.stringify({ Version: version, Time: '2020-01-01T00:00:00Z' }))],
      [at('mod'), mod],
      [at('zip'), fs.readFileSync(join(work, 'module.zip'))],
      [`/${path}/@v/list`, Buffer.from(`${version}\n`)],
    ]);
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}
