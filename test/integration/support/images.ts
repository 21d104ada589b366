import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Machine } from '../../lab/machine.ts';
import { temporaryDirectory } from '../../support/archives.ts';

/** Contents of an image by their paths: `{ 'usr/bin/hello': '#!/bin/sh\n' }`. */
export type ImageFiles = Readonly<Record<string, string>>;

/** The extension-release file of an extension that fits every system. */
export function releaseOf(name: string, text = 'ID=_any\n'): ImageFiles {
  return { [`usr/lib/extension-release.d/extension-release.${name}`]: text };
}

/** The bytes of an erofs image with just these files. */
export function erofsImage(files: ImageFiles): Buffer {
  using work = temporaryDirectory();
  const tree = work.at('tree');
  mkdirSync(tree);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  execFileSync('mkfs.erofs', ['--quiet', '--all-root', work.at('image.raw'), tree], { stdio: 'pipe' });
  return readFileSync(work.at('image.raw'));
}

/** The image of an extension that fits every system and brings /usr/share/NAME/VERSION. */
export function extensionImage(name: string, version = '1'): Buffer {
  return erofsImage({ ...releaseOf(name), [`usr/share/${name}/version`]: `${version}\n` });
}

/** Writes a file of these bytes in a machine. */
export async function putBytes(machine: Machine, path: string, bytes: Buffer): Promise<void> {
  using work = temporaryDirectory();
  writeFileSync(work.at('file'), bytes);
  await machine.copyIn(work.at('file'), path);
}
