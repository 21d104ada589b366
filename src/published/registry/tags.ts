import { architectures, dockerArchitecture } from '../../core/architecture.ts';
import { AgentError } from '../../core/errors.ts';
import { quote } from '../../core/yaml/text.ts';
import type { PublishedVersion } from '../publisher.ts';
import { withoutV } from './annotations.ts';

/**
 * What a version may hold and a tag may not, each as a row of `_` of its own length. Those who publish with Helm or oras
 * write `_` for `+` as well.
 */
const signs = ['+', '~', ':', '^'];

/**
 * The tag under which a version is published.
 * @throws AgentError `usage` for a version that no tag can stand for.
 */
export function tagOf(version: string): string {
  const tag = version.replace(/[+~:^]/g, (sign) => '_'.repeat(signs.indexOf(sign) + 1));
  if (/^\w[\w.-]{0,127}$/.test(tag) && versionOf(tag) === version) return tag;
  throw new AgentError('usage', `no tag can stand for the version ${quote(version)}`, {
    next: 'Give the reference a tag: oci://HOST/NAME:TAG.',
  });
}

/** The version that a tag stands for. */
export function versionOf(tag: string): string {
  const version = withoutV(tag);
  return version.includes('_') ? version.replace(/(?<=.)_+/g, (row) => signs[row.length - 1] ?? row) : version;
}

const spellings = architectures.flatMap((architecture) => [architecture, dockerArchitecture(architecture)]);
const architectureSuffix = new RegExp(`[-_](?:${spellings.sort((a, b) => b.length - a.length).join('|')})$`);

/**
 * The versions among the tags of a repository. Tags that begin with no number are none, such as `latest`, and the names
 * under which signatures are kept (`sha256-...`); one that ends in the name of an architecture is of that version.
 */
export function versionsAmong(tags: readonly string[]): PublishedVersion[] {
  return tags.filter(isVersionTag).map((tag) => ({ version: versionOf(withoutArchitecture(tag)), key: tag }));
}

/** There may be thousands, and most have none: looking for the names of all takes longer than for the signs before them. */
function withoutArchitecture(tag: string): string {
  return tag.includes('-') || tag.includes('_') ? tag.replace(architectureSuffix, '') : tag;
}

/** Whether a tag is made of a version, and not a name for whatever is the newest. */
export function isVersionTag(tag: string): boolean {
  return /^v?\d/.test(tag);
}
