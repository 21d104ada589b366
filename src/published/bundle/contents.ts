import { architectures } from '../../core/architecture.ts';
import { AgentError } from '../../core/errors.ts';
import {
  decodeJson,
  jsonChecked,
  jsonCount,
  jsonList,
  jsonMap,
  jsonMatch,
  jsonOptional,
  jsonStruct,
  jsonText,
  type JsonDecoder,
} from '../../core/json.ts';
import { isExtensionName } from '../../core/names.ts';

/** What a bundle says of one of its extensions. Nobody vouches for it: what is published is proven by its documents. */
export interface BundledExtension {
  readonly name: string;
  /** The reference that it was asked for by, as referenceText() writes it. */
  readonly from: string;
  /** The versions that were asked for, as a range; absent where any is. */
  readonly versions?: string;
  readonly version: string;
  /** How the publisher calls it: a tag, a digest or the name of a file. */
  readonly key: string;
  /** Absent where the publisher does not say. */
  readonly architecture?: string;
  /** The sha256 of what the publisher sends, in hexadecimal. */
  readonly blob: string;
  /** The sha256 of each document by its name: see documents.ts. */
  readonly documents: ReadonlyMap<string, string>;
}

const format = 1;

/** The most that is read, in bytes and in number. */
export const mostOfContents = { bytes: 4 * 1024 * 1024, extensions: 1000, documents: 1000 };

const sha256 = jsonMatch(/^[0-9a-f]{64}$/, 'a sha256');
const name = jsonChecked(jsonText(128), (text) =>
  isExtensionName(text) ? undefined : 'it is no name of an extension',
);
const architecture = jsonChecked(jsonText(64), (text) =>
  architectures.some((one) => one === text) ? undefined : 'it is no architecture',
);

const extension = jsonStruct({
  name,
  from: jsonText(8192),
  versions: jsonOptional(jsonText(), undefined),
  version: jsonText(255),
  key: jsonText(255),
  architecture: jsonOptional(architecture, undefined),
  blob: sha256,
  documents: jsonMap(sha256, mostOfContents.documents),
});

const contents: JsonDecoder<{ readonly extensions: readonly ReturnType<typeof extension>[] }> = jsonChecked(
  jsonStruct({ extensions: jsonList(extension, mostOfContents.extensions) }),
  ({ extensions }) => {
    const names = extensions.map((one) => one.name);
    const twice = names.find((one, index) => names.indexOf(one) !== index);
    return twice === undefined ? undefined : `${twice} is there twice`;
  },
);

/** The text of `bundle.json`: the same for the same contents. */
export function encodeContents(extensions: readonly BundledExtension[]): string {
  const inOrder = extensions.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const written = inOrder.map((one) => ({ ...one, documents: Object.fromEntries([...one.documents].sort()) }));
  return `${JSON.stringify({ format, extensions: written }, undefined, 2)}\n`;
}

/**
 * Reads a `bundle.json`.
 * @param file the bundle, for messages.
 * @throws AgentError `verification-failed`
 */
export function decodeContents(text: string, file: string): readonly BundledExtension[] {
  const version = decodeJson(text, jsonStruct({ format: jsonCount }));
  if ('value' in version && version.value.format > format) {
    throw new AgentError('verification-failed', `${file} is a bundle of format ${version.value.format}`, {
      facts: [`this version reads format ${format}`],
      next: 'Upgrade sysext-agent on this host.',
    });
  }
  const decoded = 'problem' in version ? version : decodeJson(text, contents);
  if ('problem' in decoded) throw unusable(file, `bundle.json: ${decoded.problem}`);
  return decoded.value.extensions.map(({ versions, architecture: of, ...one }) => ({
    ...one,
    ...(versions === undefined ? {} : { versions }),
    ...(of === undefined ? {} : { architecture: of }),
  }));
}

/** That a file is no bundle, or none any more. */
export function unusable(file: string, why: string): AgentError {
  return new AgentError('verification-failed', `${file} cannot be used as a bundle: ${why}`, {
    left: 'Nothing was changed.',
    next: 'It is damaged or something else: get it again from where `sysext-agent bundle export` made it.',
  });
}
