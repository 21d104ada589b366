import { basename } from 'node:path';

import { architectures, parseArchitecture } from '../core/architecture.ts';
import { AgentError } from '../core/errors.ts';
import { extensionNameRule, isExtensionName } from '../core/names.ts';
import { identifyImage } from '../core/naming.ts';
import { parseReleaseFields } from '../core/os-release.ts';
import type { Exec } from '../host/exec.ts';
import { fileStatus } from '../host/files.ts';
import { sha256OfFile } from '../host/digest.ts';
import type { PublishedImage } from '../published/registry/publish.ts';
import { readImageFacts, type ReleaseText } from '../systemd/image.ts';

/** What the one who publishes knows better than the image. */
export interface Naming {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
}

/**
 * Reads an image that is to be published: what its annotations will say.
 * @throws AgentError `usage` for a directory, or where name or version are not known; `invalid-image` where it has no
 * release file for its name; as readImageFacts().
 */
export async function readPublishedImage(path: string, naming: Naming, exec: Exec): Promise<PublishedImage> {
  const status = fileStatus(path);
  if (status !== undefined && !status.isFile()) throw new AgentError('usage', `${path} is not a raw image`);
  const { releaseFiles } = await readImageFacts(path, exec);
  const identity = identify(path, naming, releaseFiles);
  const architecture = parseArchitecture(identity.release['ARCHITECTURE'] ?? architectureIn(path) ?? '');
  return {
    ...identity,
    path,
    title: basename(path),
    sha256: sha256OfFile(path),
    size: status?.size ?? 0,
    ...(architecture === undefined ? {} : { architecture }),
  };
}

/** Name, version and release fields, as the one who publishes says them, else the image. */
function identify(
  path: string,
  naming: Naming,
  releaseFiles: readonly ReleaseText[],
): Pick<PublishedImage, 'name' | 'version' | 'release'> {
  const identity = identifyImage(
    stemOf(path),
    releaseFiles.map((file) => file.name),
  );
  const name = naming.name ?? identity.name;
  if (!isExtensionName(name)) throw new AgentError('usage', `"${name}" cannot be a name: ${extensionNameRule}`);
  const file = releaseFiles.find((candidate) => candidate.name === `extension-release.${name}`);
  if (file === undefined) throw noRelease(path, name);
  const release = parseReleaseFields(file.text);
  const released = release['SYSEXT_IMAGE_VERSION'] ?? release['SYSEXT_VERSION_ID'];
  const version = naming.version ?? released ?? identity.version;
  if (version !== '') return { name, version, release };
  throw new AgentError('usage', `the version of ${path} is not known`, {
    next: 'Say it with --image-version=VERSION.',
  });
}

function stemOf(path: string): string {
  return basename(path).replace(/(\.sysext)?\.raw$/, '');
}

function noRelease(path: string, name: string): AgentError {
  return new AgentError('invalid-image', `${path} has no file /usr/lib/extension-release.d/extension-release.${name}`, {
    left: 'Nothing was sent.',
    next: 'Where it has one of another name, that is the name of the extension: --name=NAME.',
  });
}

/** `jq_1.7_x86-64`: an image without ARCHITECTURE= may say it there. */
function architectureIn(path: string): string | undefined {
  return architectures.find((candidate) => new RegExp(`[-_]${candidate}$`).test(stemOf(path)));
}
