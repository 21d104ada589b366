import { basename, dirname, join } from 'node:path';

import type { ImageRequest } from '../agent/candidate.ts';
import type { Wish } from '../agent/fleet/configuration.ts';
import { sourceText } from '../agent/fleet/definition.ts';
import type { ImageSource } from '../agent/fleet/images.ts';
import type { Look } from '../agent/fleet/outlook.ts';
import { countingFailures } from '../agent/verify-failures.ts';
import { AgentError } from '../core/errors.ts';
import type { VersionRange } from '../core/version-range.ts';
import { builtHere, ofThisHost } from '../core/verified-image.ts';
import { fileStatus, makeDirectory, readTextIfAny, writeAtomically } from '../host/files.ts';
import type { Progress } from '../host/progress.ts';
import { belowRoot } from '../host/root.ts';
import { allowedBySpec, partOfSpec } from './allowances.ts';
import type { BuildBeforehand } from './build-by-manager.ts';
import { buildHost } from './build-host.ts';
import type { Options } from './command.ts';
import { agentFor, rootOf } from './invoker.ts';
import type { PublishedWish } from './published-images.ts';

export interface WishSettings {
  /** Whether to ask the repositories for new indexes. */
  readonly refresh?: boolean;
  /** Builds where this process may not run what a build runs. */
  readonly beforehand?: BuildBeforehand | undefined;
}

/**
 * Gets the images that drop-ins of the fleet want: files as they are, specs by building them, published ones by fetching
 * the newest that fits.
 * @param options of the command: where the root is.
 */
export function wishedImages(
  options: Options,
  progress: Progress,
  { refresh = false, beforehand }: WishSettings = {},
): ImageSource {
  const root = rootOf(options);
  return async (name, wish, signal) => {
    const { source } = wish;
    switch (source.kind) {
      case 'image':
        return imageOn(root, source.path);
      case 'spec':
        return await builtOf(belowRoot(root, source.path), wish, signal);
      case 'inline-spec':
        return await builtOf(inlineSpec(root, name, sourceText(source)), wish, signal);
      case 'reference':
        return await fetched({ ...named(name), reference: source.reference, ...rangeOf(wish) }, signal);
    }
  };

  async function fetched(wish: PublishedWish, signal: AbortSignal | undefined): Promise<ImageRequest> {
    const { publishedImages } = await import('./published-images.ts');
    const images = await publishedImages(await agentFor(options, signal), progress);
    return countingFailures(root, async () => images.fetch(wish, await images.find(wish, signal), signal));
  }

  async function builtOf(spec: string, wish: Wish, signal: AbortSignal | undefined): Promise<ImageRequest> {
    const { build } = await import('../builder/build.ts');
    const { target, args } = wish;
    const host = await buildHost(options, progress);
    const request = {
      specPath: spec,
      contexts: new Map([['context', dirname(spec)]]),
      buildArguments: args,
      refresh,
      ...(target === undefined ? {} : { target }),
      ...(signal === undefined ? {} : { signal }),
    };
    // It counts what it cannot verify itself.
    await beforehand?.(host, request);
    const image = await countingFailures(root, () => build(host, request));
    return {
      ...builtHere(image.path),
      source: `${basename(spec)} for ${image.target}`,
      name: image.name,
      version: image.version,
      allow: allowedBySpec(image, spec),
      health: image.health.map((check) => ({ ...check, by: partOfSpec(spec) })),
    };
  }
}

/** Looks for the newest images that are published of what is installed; specs and files are made and read anew. */
export function newestPublished(options: Options, progress: Progress): Look {
  return async (name, wish, signal) => {
    const { source } = wish;
    if (source.kind !== 'reference') return undefined;
    const { publishedImages } = await import('./published-images.ts');
    const images = await publishedImages(await agentFor(options, signal), progress);
    const { offer, passedOver } = await images.find({ name, reference: source.reference, ...rangeOf(wish) }, signal);
    const { version, reference, blob } = offer;
    return { version: version.version, reference, blob: blob.sha256, passedOver };
  };
}

/** Nobody said which extension it is to be where the name is empty. */
function named(name: string): { readonly name?: string } {
  return name === '' ? {} : { name };
}

function rangeOf({ version }: Wish): { readonly range?: VersionRange } {
  return version === undefined ? {} : { range: version };
}

function imageOn(root: string, path: string): ImageRequest {
  const real = belowRoot(root, path);
  if (fileStatus(real) !== undefined) return { ...ofThisHost(real), source: path };
  throw new AgentError('no-such-file', `there is no file or directory ${path}`, { retryable: true });
}

/** A spec that stands in a drop-in, as a file that the builder can read: the same text is not written again. */
function inlineSpec(root: string, name: string, text: string): string {
  const path = join(belowRoot(root, '/run/sysext-agent/specs'), `${name}.yml`);
  makeDirectory(dirname(path));
  if (readTextIfAny(path) !== text) writeAtomically(path, text);
  return path;
}
