import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import type { Machine } from '../../lab/machine.ts';
import { temporaryDirectory } from '../../support/archives.ts';

/** Contents of an image by their paths: `{ 'usr/bin/hello': '#!/bin/sh\n' }`. */
export type ImageFiles = Readonly<Record<string, string>>;
type ImageBytes = Readonly<Record<string, string | Buffer>>;

/** The extension-release file of an extension that fits every system. */
export function releaseOf(name: string, text = 'ID=_any\n'): ImageFiles {
  return { [`usr/lib/extension-release.d/extension-release.${name}`]: text };
}

/** The bytes of an erofs image with just these files; those in a directory for programs can be executed. */
export function erofsImage(files: ImageBytes): Buffer {
  using work = temporaryDirectory();
  const tree = work.at('tree');
  mkdirSync(tree);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text, { mode: /\/s?bin\//.test(path) ? 0o755 : 0o644 });
  }
  execFileSync('mkfs.erofs', ['--quiet', '--all-root', work.at('image.raw'), tree], { stdio: 'pipe' });
  return readFileSync(work.at('image.raw'));
}

const extensionImages = new Map<string, Buffer>();

/** The image of an extension that fits every system and brings /usr/share/NAME/VERSION; each is made once. */
export function extensionImage(name: string, version = '1'): Buffer {
  const key = `${name} ${version}`;
  const image =
    extensionImages.get(key) ?? erofsImage({ ...releaseOf(name), [`usr/share/${name}/version`]: `${version}\n` });
  extensionImages.set(key, image);
  return image;
}

/** The image of a configuration extension that brings /etc/NAME.conf with its version. */
export function confextImage(name: string, version = '1', more: ImageBytes = {}, release = 'ID=_any\n'): Buffer {
  const releaseFile = `etc/extension-release.d/extension-release.${name}`;
  return erofsImage({ [releaseFile]: release, [`etc/${name}.conf`]: `${version}\n`, ...more });
}

/** Writes a file of these bytes in a machine. */
export async function putBytes(machine: Machine, path: string, bytes: Buffer): Promise<void> {
  using work = temporaryDirectory();
  writeFileSync(work.at('file'), bytes);
  await machine.copyIn(work.at('file'), path);
}

/** Writes files of these bytes below a directory of a machine, all at once. */
export async function putFiles(machine: Machine, directory: string, files: ImageBytes): Promise<void> {
  using work = temporaryDirectory();
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(work.at(path)), { recursive: true });
    writeFileSync(work.at(path), bytes);
  }
  await machine.copyIn(work.path, directory);
}

/** What an extension with a service brings; the service writes to the journal when it starts and when it is stopped. */
export interface ServiceOptions {
  readonly version?: string;
  /** What it runs, by the host's shell. */
  readonly script?: string;
  /** Lines for its section `[Service]`. */
  readonly service?: readonly string[];
  /** What pulls it in: as Dalec does it, a drop-in by which multi-user.target upholds it; or a link. */
  readonly pulled?: 'upholds' | 'wants' | 'not';
  /** Text of the release file. */
  readonly release?: string;
  readonly more?: ImageBytes;
}

/** Runs until it is stopped. */
const waiting = 'echo started; exec sleep infinity';

/**
 * The image of an extension NAME with NAME.service, and with /usr/share/NAME/etc/NAME.conf that tmpfiles.d copies to
 * /etc, as Dalec builds one.
 */
export function serviceImage(name: string, options: ServiceOptions = {}): Buffer {
  const { version = '1', script = waiting, service = [], pulled = 'upholds', release, more = {} } = options;
  const units = 'usr/lib/systemd/system';
  const command = `ExecStart=/bin/sh -c '${script}'`;
  const upholding = { [`${units}/multi-user.target.d/10-${name}-${name}.conf`]: `[Unit]\nUpholds=${name}.service\n` };
  const wanting = { [`${units}/multi-user.target.d/10-${name}.conf`]: `[Unit]\nWants=${name}.service\n` };
  return erofsImage({
    ...releaseOf(name, release ?? 'ID=_any\nEXTENSION_RELOAD_MANAGER=1\n'),
    [`usr/share/${name}/version`]: `${version}\n`,
    [`usr/share/${name}/etc/${name}.conf`]: `version = ${version}\n`,
    [`usr/lib/tmpfiles.d/10-${name}.conf`]: `C+ /etc/${name}.conf - - - - /usr/share/${name}/etc/${name}.conf\n`,
    [`${units}/${name}.service`]: `[Unit]\nDescription=${name} ${version}\n[Service]\n${command}\n${service.join('\n')}\n`,
    ...(pulled === 'upholds' ? upholding : {}),
    ...(pulled === 'wants' ? wanting : {}),
    ...more,
  });
}
